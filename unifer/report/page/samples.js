// The samples as columns, and which of them a set of filters keeps. Knows no elements: tests hold it against the same rule in Python.
"use strict";
((page) => {
  const VERDICTS = ["right", "not right", "wrong", "off_list", "no_answer", "failed", "missing"];
  page.EMPTY = Object.freeze({ dataset: "", model: "", truth: "", said: "", verdict: "", find: "" });

  class Samples {
    constructor(data, summary) {
      Object.assign(this, data);
      this.summary = summary;
      this.length = data.questions.key.length;
      this.ids = this.#ids();
      this.numbers = new Map(this.ids.map((id, at) => [id, at]));
      this.lowered = null;
    }

    // `dataset/key`; a second question of one key gets ~2.
    #ids() {
      const seen = new Map();
      return this.questions.key.map((key, at) => {
        const id = `${this.summary.datasets[this.questions.dataset[at]].name}/${key}`;
        const times = (seen.get(id) ?? 0) + 1;
        seen.set(id, times);
        return times > 1 ? `${id}~${times}` : id;
      });
    }

    reply(at, model) {
      const columns = this.replies[model];
      const named = {};
      for (const name of Object.keys(columns)) named[name] = columns[name][at];
      return named;
    }

    verdict(at, model) {
      const { outcome, right } = this.replies[model];
      if (outcome[at] < 0) return "missing";
      const name = this.outcomes[outcome[at]];
      if (name !== "answered") return name;
      return right[at] ? "right" : "wrong";
    }

    label(index) {
      return index < 0 ? null : this.labels[index];
    }

    disagree(at) {
      const said = new Set();
      for (const { outcome, label, claimed } of this.replies) {
        if (outcome[at] < 0) continue;
        said.add(this.questions.truth[at] < 0 ? `${outcome[at]} ${claimed[at]}` : `${outcome[at]} ${label[at]}`);
      }
      return said.size > 1;
    }

    // What the text filter looks at, lower-cased once: building it takes longer than searching it.
    text(at, model) {
      this.lowered ??= this.replies.map((columns) => new Array(columns.text.length));
      return (this.lowered[model][at] ??= this.replies[model].text[at].toLowerCase());
    }

    prepare() {
      for (let model = 0; model < this.replies.length; model++) for (let at = 0; at < this.length; at++) this.text(at, model);
    }

    // Numbers of the questions that `filters` keep. Prediction, verdict and text must hold of one and the same model's reply.
    matching(filters) {
      const { datasets, models } = this.summary;
      const dataset = filters.dataset ? datasets.findIndex((each) => each.name === filters.dataset) : -1;
      const chosen = filters.model ? [models.indexOf(filters.model)].filter((at) => at >= 0) : models.map((_, at) => at);
      const find = filters.find.toLowerCase();
      const { dataset: of, truth, key, image } = this.questions;
      const fits = (at, model, named) => {
        const columns = this.replies[model];
        if (filters.said && (columns.label[at] < 0 || this.emotions[columns.label[at]] !== filters.said)) return false;
        if (filters.verdict && filters.verdict !== "disagree") {
          const verdict = this.verdict(at, model);
          if (filters.verdict === "not right" ? verdict === "right" : verdict !== filters.verdict) return false;
        }
        return !find || named || this.text(at, model).includes(find);
      };
      const kept = [];
      for (let at = 0; at < this.length; at++) {
        if (filters.dataset && of[at] !== dataset) continue;
        if (filters.truth && (truth[at] < 0 || this.emotions[truth[at]] !== filters.truth)) continue;
        if (filters.verdict === "disagree" && !this.disagree(at)) continue;
        const named = find && (key[at].toLowerCase().includes(find) || image[at].toLowerCase().includes(find));
        if (chosen.some((model) => fits(at, model, named))) kept.push(at);
      }
      return kept;
    }

    // Emotions that are a truth or an answer of some question, in the order of the datasets' labels.
    emotionsOf(column) {
      const used = new Set();
      for (const index of column === "truth" ? this.questions.truth : this.replies.flatMap((each) => each.label)) if (index >= 0) used.add(this.emotions[index]);
      return [...used].sort((one, other) => page.rank(one) - page.rank(other));
    }
  }

  page.Samples = Samples;
  page.VERDICTS = VERDICTS;
})((globalThis.unifer ??= {}));

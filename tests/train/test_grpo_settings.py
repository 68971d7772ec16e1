"""GRPO settings that cannot work are refused with the reason, before TRL or a model is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from unifer.errors import InputError
from unifer.train import grpo_settings
from unifer.train.grpo_settings import GrpoArguments


class Config:
    """The fields of trl.GRPOConfig that the checks read, at TRL's defaults."""

    use_vllm = False
    vllm_mode = "colocate"
    vllm_server_base_url = None
    vllm_server_host = "0.0.0.0"
    vllm_server_port = 8000
    vllm_server_timeout = 240.0
    vllm_group_port = 51216
    vllm_gpu_memory_utilization = 0.3
    vllm_tensor_parallel_size = 1
    vllm_enable_sleep_mode = False
    vllm_max_model_length = None
    vllm_structured_outputs_regex = None
    vllm_importance_sampling_correction = True
    use_transformers_continuous_batching = False
    generation_kwargs = None
    trust_remote_code = False
    temperature = 1.0
    top_p = 1.0
    top_k = 0
    min_p = None
    repetition_penalty = 1.0
    loss_type = "dapo"
    scale_rewards = "group"
    importance_sampling_level = "token"
    multi_objective_aggregation = "sum_then_normalize"
    reward_weights = None
    num_generations = 8
    num_iterations = 1
    steps_per_generation = 4
    gradient_accumulation_steps = 4
    max_completion_length = 256
    beta = 0.0
    epsilon = 0.2
    epsilon_high = None
    mask_truncated_completions = False
    save_strategy = "steps"
    save_steps = 500

    def __init__(self, **chosen: Any) -> None:
        for name, value in chosen.items():
            assert hasattr(type(self), name), name
            setattr(self, name, value)


def fer(**chosen: Any) -> GrpoArguments:
    return GrpoArguments(rows="rows.json", **chosen)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpo_settings, "visible_gpus", lambda: ["0"])


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpo_settings, "visible_gpus", list)


@pytest.mark.parametrize(
    ("mode", "use_vllm", "vllm_mode"), [("colocate", True, "colocate"), ("none", False, "colocate")]
)
def test_the_mode_sets_trls_two_switches(mode: str, use_vllm: bool, vllm_mode: str) -> None:
    config = Config()
    identity = grpo_settings.check(fer(rollouts=mode), config)
    assert (config.use_vllm, config.vllm_mode) == (use_vllm, vllm_mode)
    assert identity["rollouts"] == mode
    assert identity["rewards"] == {"accuracy": 1.0, "format": 1.0, "au_f1": 1.0}
    assert config.reward_weights == [1.0, 1.0, 1.0]


@pytest.mark.usefixtures("gpu")
def test_server_mode_names_its_address_as_trl_does() -> None:
    config = Config(vllm_server_base_url="http://other:9000/")
    grpo_settings.check(fer(rollouts="server"), config)
    assert config.vllm_mode == "server"
    assert grpo_settings.server_url(config) == "http://other:9000"
    assert (
        grpo_settings.server_url(Config(vllm_server_host="node", vllm_server_port=8001)) == "http://node:8001"
    )


@pytest.mark.parametrize(
    ("own", "chosen", "reason"),
    [
        (
            {"rollouts": "colocated"},
            {},
            r"--rollouts colocated: no such choice; did you mean colocate\? allowed: colocate, server, none",
        ),
        ({"rollouts": "none"}, {"use_vllm": True}, "--use_vllm true with --rollouts none"),
        ({}, {"vllm_mode": "server"}, "--vllm_mode server with --rollouts colocate"),
        (
            {},
            {"vllm_server_port": 9},
            "--vllm_server_port has no effect with --rollouts colocate: there is no server",
        ),
        (
            {"rollouts": "none"},
            {"vllm_gpu_memory_utilization": 0.5},
            "--vllm_gpu_memory_utilization has no effect with --rollouts none",
        ),
        ({"rollouts": "server"}, {}, "--rollouts server needs GPUs: weights travel to the server by NCCL"),
        ({}, {"vllm_enable_sleep_mode": True}, "no GPU here"),
        ({}, {"temperature": 0.0}, "greedy replies of a group are all alike"),
        (
            {"rewards": ["accuracy", "faithful"], "rollouts": "none"},
            {},
            "the reward faithful asks vLLM to go on with edited replies",
        ),
        ({}, {"top_p": 0.9}, "--top_p 0.9 is refused: the trainer scores the whole distribution"),
        ({}, {"top_k": 50}, "--top_k 50 is refused"),
        ({}, {"repetition_penalty": 1.05}, "--repetition_penalty 1.05 is refused"),
        ({}, {"generation_kwargs": {"seed": 1}}, "--generation_kwargs is refused"),
        ({}, {"vllm_structured_outputs_regex": ".*"}, "--vllm_structured_outputs_regex is refused"),
        ({}, {"loss_type": "gspo"}, r"--loss_type gspo: no such choice; .*allowed: grpo, dr_grpo"),
        ({}, {"scale_rewards": "groups"}, r"--scale_rewards groups: .*did you mean group\?"),
        ({"rewards": ["accurcy"]}, {}, "there is no reward 'accurcy'; did you mean 'accuracy'"),
        ({}, {"reward_weights": [1.0]}, "1 reward weights"),
        (
            {"probe_limit": 0.0},
            {},
            "--probe_limit 0.0: a number above 0 is expected",
        ),  # was taken for "not given"
        ({"probe_limit": float("nan")}, {}, "--probe_limit nan"),
        ({}, {"num_iterations": 3, "save_steps": 500}, "--save_steps 500 falls inside a generation window"),
        ({}, {"steps_per_generation": 8, "save_steps": 3}, "--save_steps 3 falls inside a generation window"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(
    own: dict[str, Any], chosen: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        grpo_settings.check(fer(**own), Config(**chosen))


@pytest.mark.usefixtures("gpu")
def test_a_colocated_setting_is_not_passed_over_in_server_mode() -> None:
    with pytest.raises(
        InputError,
        match=r"--vllm_enable_sleep_mode has no effect with --rollouts server: the server's own flags decide",
    ):
        grpo_settings.check(fer(rollouts="server"), Config(vllm_enable_sleep_mode=True))


def test_a_checkpoint_at_the_end_of_a_window_is_accepted() -> None:
    grpo_settings.check(fer(), Config(steps_per_generation=8, num_iterations=2, save_steps=100))

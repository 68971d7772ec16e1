"""How much memory a training run takes on each GPU: arithmetic alone, no torch, no GPU.

Counts what the pinned stack does: DeepSpeed 0.19 (bf16 weights and gradients, a float32 master copy and two
float32 moments, partitioned by ZeRO), plain Trainer (weights, gradients and moments in the dtype of the
load), TRL 1.16 (a fused head that never holds all logits), vLLM beside the trainer. Where settings come from,
and what to do about the sum, is `train/doctor`. All sizes are bytes; h is the hidden width, I the inner width
of an MLP.
"""

from __future__ import annotations

from dataclasses import dataclass

from unifer.train.doctor.plans import MemoryPlan, Vllm
from unifer.train.doctor.shapes import ModelShape

GB = 2**30
_FOUR_BIT = 0.5 + (8 / 64 + 32 / (64 * 256)) / 8
"""Bytes of a 4-bit weight with its scales: 8 bits per 64 weights, 32 per 256 scales (arXiv 2305.14314, 3)."""
_CONTEXT, _NCCL, _FRAGMENTATION = 0.6 * GB, 0.8 * GB, 0.03
"""CUDA context of a process; buffers of NCCL, from two GPUs on; share that the allocator holds unused."""
_TILE = 4096 * 32768
"""Entries of the largest tile of logits that TRL's fused head holds (trl/kernels/chunked_logprob.py)."""
_LIVE = _SUB_GROUP = 1_000_000_000
"""DeepSpeed's stage3_max_live_parameters and sub_group_size (deepspeed/runtime/zero/config.py)."""
_VLLM_WORKSPACE = 1.5 * GB
"""vLLM's own activations and buffers while it profiles itself: 4,096 batched tokens, sampler, CUDA graphs."""


@dataclass(frozen=True)
class Term:
    """One part of the sum, and what it consists of."""

    name: str
    bytes: float
    note: str = ""


@dataclass(frozen=True)
class Estimate:
    """Terms that add up to the peak of one GPU. `vllm_short`: bytes that vLLM lacks for a single sequence."""

    terms: tuple[Term, ...]
    vllm_short: float = 0.0

    @property
    def total(self) -> float:
        """Peak of the GPU, as nvidia-smi shows it."""
        return sum(term.bytes for term in self.terms)

    @property
    def allocated(self) -> float:
        """Bytes that torch's allocator hands out: all but context and fragmentation.

        As `torch.cuda.max_memory_allocated` counts.
        """
        return self.total - sum(term.bytes for term in self.terms if term.name == "overhead")

    def of(self, name: str) -> float:
        """Bytes of one term, 0 if it is not there."""
        return sum(term.bytes for term in self.terms if term.name == name)


def trained_parameters(shape: ModelShape, plan: MemoryPlan) -> int:
    """Parameters that the optimizer updates."""
    if plan.lora:
        return shape.lora_parameters(plan.lora.rank, plan.lora.targets, vision=not plan.freeze_vision)
    return shape.language_parameters if plan.freeze_vision else shape.parameters


def estimate(shape: ModelShape, plan: MemoryPlan, gpu: float) -> Estimate:
    """Memory on each of `plan.gpus` GPUs that have `gpu` bytes.

    The terms are additive though their peaks are not: activations peak when the loss is taken and no gradient
    of this backward pass is there yet, so they count with what they take beyond the gradients; vLLM, if it
    sleeps, likewise.
    """
    gradients, states = _gradients(shape, plan), _optimizer(shape, plan)
    work = _activations(shape, plan, gradients.bytes)
    terms = [_weights(shape, plan), gradients, states, work]
    if plan.reference:
        share = plan.gpus if plan.deepspeed and plan.deepspeed.stage == 3 else 1
        frozen = shape.parameters * _weight_bytes(plan) / share
        terms.append(Term("reference model", frozen, "frozen copy for the KL term (beta > 0)"))
    resident = sum(term.bytes for term in terms)
    parts = "CUDA context, fragmentation" + (", NCCL" if plan.gpus > 1 else "")
    short = 0.0
    if plan.vllm:
        vllm, short = _vllm(shape, plan, plan.vllm, gpu, gradients.bytes + work.bytes)
        terms.append(vllm)
    buffers = _CONTEXT + (_NCCL if plan.gpus > 1 else 0)
    terms.append(Term("overhead", buffers + _FRAGMENTATION * resident, parts))
    return Estimate(tuple(terms), short)


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.2f} billion" if parameters >= 10**8 else f"{parameters / 1e6:.1f} million"


def _weight_bytes(plan: MemoryPlan) -> int:
    """DeepSpeed casts the module to bf16 (`engine._configure_distributed_model`); Trainer does not."""
    return 2 if plan.deepspeed and plan.bf16 else plan.dtype_bytes


def _trained_bytes(plan: MemoryPlan) -> int:
    """Outside DeepSpeed peft raises adapters to float32 (`autocast_adapter_dtype`)."""
    return 4 if plan.lora and not plan.deepspeed else _weight_bytes(plan)


def _weights(shape: ModelShape, plan: MemoryPlan) -> Term:
    """Parameters x bytes; under ZeRO-3 a share of them, and those gathered for use (arXiv 1910.02054)."""
    each = _weight_bytes(plan)
    adapters = trained_parameters(shape, plan) if plan.lora else 0
    whole = shape.parameters * each + adapters * _trained_bytes(plan)
    note = f"{_count(shape.parameters)} x {each} bytes"
    if plan.four_bit:
        packed = sum(linear.inputs * linear.outputs * linear.times for linear in shape.linears())
        largest = max(linear.inputs * linear.outputs for linear in shape.linears())
        stored = whole - packed * (each - _FOUR_BIT)
        note = f"{_count(packed)} in 4 bits, the rest x {each} bytes, one layer unpacked"
        return Term("weights", stored + largest * each, note)
    if plan.deepspeed and plan.deepspeed.stage == 3:
        live = min(_LIVE, shape.parameters) * each
        resident = 0.0 if plan.deepspeed.offload_parameters else whole / plan.gpus
        place = f" over {plan.gpus}" if plan.gpus > 1 else ""
        place = " in CPU memory" if plan.deepspeed.offload_parameters else place
        return Term("weights", resident + live, f"{note}{place}, and {live / GB:.1f} GB gathered")
    if plan.bf16 and each == 4:
        # Autocast's bf16 copies of the weights are kept for the backward pass.
        return Term("weights", whole + 2 * shape.parameters, f"{note}, and bf16 copies")
    return Term("weights", whole, note)


def _gradients(shape: ModelShape, plan: MemoryPlan) -> Term:
    """One per trained parameter, in its dtype; a share of them from ZeRO-2 on, besides the reduction buckets.

    DeepSpeed's gradient dtype is that of the model (`engine.get_data_types`). DDP holds a second copy in its
    buckets.
    """
    trained, each, zero = trained_parameters(shape, plan), _trained_bytes(plan), plan.deepspeed
    note, over = f"{_count(trained)} x {each} bytes", f" over {plan.gpus}" if plan.gpus > 1 else ""
    if zero is None:
        copies, buffers = (2, ", and DDP's buckets") if plan.gpus > 1 else (1, "")
        return Term("gradients", trained * each * copies, note + buffers)
    if zero.stage < 2:
        return Term("gradients", trained * each, note)
    buckets = min(trained, zero.reduce_bucket or shape.hidden**2) * each * (2 if zero.overlap else 1)
    if zero.offload_optimizer:
        return Term("gradients", buckets, "buckets; the rest in CPU memory")
    return Term("gradients", trained * each / plan.gpus + buckets, f"{note}{over}, and buckets")


def optimizer_bytes(shape: ModelShape, plan: MemoryPlan) -> float:
    """Optimizer state of the whole run, over all GPUs.

    DeepSpeed: 4 bytes of master weight and, for AdamW, 8 of moments (K = 12 in arXiv 1910.02054). Trainer
    alone: moments in the dtype of the weights, no master copy.
    """
    trained = trained_parameters(shape, plan)
    if plan.deepspeed:
        return trained * (4 + (8 if plan.moments_bytes is None else plan.moments_bytes))
    return trained * (2 * _trained_bytes(plan) if plan.moments_bytes is None else plan.moments_bytes)


def _optimizer(shape: ModelShape, plan: MemoryPlan) -> Term:
    whole, zero = optimizer_bytes(shape, plan), plan.deepspeed
    each = whole / max(1, trained_parameters(shape, plan))
    parts = "float32 master weights and moments" if zero else "moments"
    if zero and zero.offload_optimizer and zero.stage:
        return Term("optimizer", 0.0, f"{whole / plan.gpus / GB:.1f} GB a GPU, in CPU memory")
    share = plan.gpus if zero and zero.stage else 1
    over = f" over {share}" if share > 1 else ""
    return Term("optimizer", whole / share, f"{parts}, {each:.0f} bytes each{over}")


def _activations(shape: ModelShape, plan: MemoryPlan, gradients: float) -> Term:
    """What a step needs beyond weights, states and gradients: the largest of three moments.

    The loss (all that is stored for the backward pass, and the head), the end of the backward pass (one
    layer's work), the optimizer step (DeepSpeed's float32 gradients). What is stored follows Korthikanti et
    al., arXiv 2205.05198.
    """
    tokens = plan.batch * (plan.text_tokens + plan.patches // shape.merge**2 + plan.completion_tokens)
    patches = plan.batch * plan.patches
    layer, block = tokens * _layer(shape, plan), patches * _vision_block(shape, plan)
    e = 2 if plan.bf16 else plan.dtype_bytes
    stored = shape.layers * layer + shape.depth * block
    if plan.checkpointing:
        stored = e * (tokens * shape.layers * shape.hidden + patches * shape.depth * shape.vision_hidden)
    stored += tokens * 4 * e * shape.hidden + patches // shape.merge**2 * 6 * e * shape.merged
    inner = tokens * (3 * e * shape.intermediate + 12 * shape.hidden)
    backward = inner + (max(layer, block) if plan.checkpointing else 0)
    head = _head(shape, plan)
    waiting = gradients if plan.accumulation > 1 else 0.0
    beyond = max(waiting + stored + max(head, backward) - gradients, backward, _step(shape, plan), 0.0)
    storing = "gradient checkpointing" if plan.checkpointing else "all layers stored"
    return Term("activations", beyond, f"{plan.batch} x {tokens // plan.batch} tokens, {storing}")


def _layer(shape: ModelShape, plan: MemoryPlan) -> float:
    """Bytes that one decoder layer stores for a token.

    Two RMS norms (the input in float32 each; input and output in the working dtype where weights are
    trained), queries, keys and values (keys and values repeated to all heads where SDPA gets a padding mask),
    attention's result with its float32 log-sums, and four tensors of the MLP: gate, its activation, up, their
    product.
    """
    e = 2 if plan.bf16 else plan.dtype_bytes
    kv = shape.query_width if plan.batch > 1 and not plan.flash else shape.kv_width
    norms = 2 * (4 + (0 if plan.lora else 2 * e)) * shape.hidden
    attention = e * (2 * shape.query_width + 2 * kv) + 4 * shape.heads
    mlp = (3 if plan.lora else 4) * e * shape.intermediate
    return norms + attention + mlp + _adapter_inputs(shape, plan, vision=False) / shape.layers


def _vision_block(shape: ModelShape, plan: MemoryPlan) -> float:
    """Bytes that one vision block stores for a patch: as a decoder layer; nothing if the tower is frozen."""
    if plan.freeze_vision:
        return 0.0
    e = 2 if plan.bf16 else plan.dtype_bytes
    norms = 2 * (4 + (0 if plan.lora else 2 * e)) * shape.vision_hidden
    mlp = (3 if plan.lora else 4) * e * shape.vision_intermediate
    return norms + 4 * e * shape.vision_hidden + mlp + _adapter_inputs(shape, plan, vision=True) / shape.depth


def _adapter_inputs(shape: ModelShape, plan: MemoryPlan, vision: bool) -> float:
    """Bytes per token that all adapters store: a copy of the layer's input, and a byte of dropout mask."""
    if plan.lora is None:
        return 0.0
    each = (2 if plan.bf16 else plan.dtype_bytes) + (1 if plan.lora.dropout else 0)
    chosen = shape.lora_targets(plan.lora.targets, vision=not plan.freeze_vision)
    per_token = [linear for linear in chosen if linear.vision is vision and not linear.merger]
    return sum(each * linear.inputs * linear.times for linear in per_token)


def _head(shape: ModelShape, plan: MemoryPlan) -> float:
    """Backward of TRL's fused head: two float32 tiles of logits and the gradients.

    Those are of the hidden state and, if it is trained, of the head.
    """
    scored = plan.batch * plan.completion_tokens
    tiles = 2 * 4 * min(_TILE, scored * min(shape.vocabulary, 32768))
    own = 0 if plan.lora else 4 * shape.vocabulary * shape.hidden
    return tiles + 4 * scored * shape.hidden + own


def _step(shape: ModelShape, plan: MemoryPlan) -> float:
    """DeepSpeed's float32 copy of its gradients at the optimizer step (ZeRO-3: a sub-group at a time)."""
    zero = plan.deepspeed
    if zero is None or (zero.offload_optimizer and zero.stage):
        return 0.0
    own = trained_parameters(shape, plan) / (plan.gpus if zero.stage else 1)
    return 4 * (min(_SUB_GROUP, own) if zero.stage == 3 else own)


def kv_bytes(shape: ModelShape) -> int:
    """Bytes of vLLM's cache for one token: keys and values of every layer in bfloat16."""
    return 2 * 2 * shape.layers * shape.kv_width


def engine_cache(shape: ModelShape, engine: Vllm, gpu: float) -> float:
    """Bytes of KV cache that vLLM's share of a GPU of `gpu` bytes leaves; below 0 if it cannot start."""
    return engine.utilization * gpu - 2 * shape.parameters / engine.tensor_parallel - _VLLM_WORKSPACE


def _vllm(shape: ModelShape, plan: MemoryPlan, engine: Vllm, gpu: float, freed: float) -> tuple[Term, float]:
    """vLLM takes `gpu_memory_utilization` of the whole GPU: weights, workspace, and cache with the rest.

    With sleep mode it is awake only while the trainer holds neither gradients nor activations (`freed`
    bytes).
    """
    share = engine.utilization * gpu
    weights, cache = 2 * shape.parameters / engine.tensor_parallel, engine_cache(shape, engine, gpu)
    one = (
        kv_bytes(shape)
        / engine.tensor_parallel
        * (plan.text_tokens + plan.patches // shape.merge**2 + plan.completion_tokens)
    )
    taken = max(0.0, share - freed) if engine.sleeps else share
    note = (
        f"{weights / GB:.1f} GB weights, {max(0.0, cache) / GB:.1f} GB KV cache: "
        f"{max(0, int(cache // one))} sequences"
    )
    return Term("vLLM", taken, note + (", asleep while training" if engine.sleeps else "")), max(
        0.0, one - cache
    )


def host_bytes(shape: ModelShape, plan: MemoryPlan) -> float:
    """CPU memory that offloading takes over all GPUs: optimizer state with its gradients, and the weights."""
    zero = plan.deepspeed
    if zero is None:
        return 0.0
    states = optimizer_bytes(shape, plan) + 2 * trained_parameters(shape, plan)
    weights = 2 * shape.parameters if zero.offload_parameters else 0.0
    return weights + (states if zero.offload_optimizer else 0.0)

"""The cores of this project but Cortex-M's, a row each; docs/planning.md says how a row is fitted."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from codegen.problem.cores import KIB, MIB, Budget, Core, Memory, Moves, Pipeline, Rooms, Setup

__all__ = ["CORES"]

XEON = "bench/fit_core.py on Intel Xeon 2.80GHz (model 106; caches 48, 1280 and 49152 KiB), gcc 12.2, 2026-11-29"
ZEN4 = "bench/fit_core.py on AMD EPYC (family 25 model 17; caches 32, 1024 and 32768 KiB), gcc 12.2, 2026-11-29"
LEVELS = ((24 * KIB, 0.0), (200 * KIB, 0.01), (MIB, 0.025))  # those of the first- and the second-level cache
X86 = Core(
    name="x86",
    source=(
        "fitted by hand with layers A to S of `gen-conv bench` on AMD Zen 3 (caches 32 and 512 KiB), gcc 12.2. "
        f"{XEON}, avx2: 2.00 multiply-adds and 2.00 loads a cycle, latency 4.00; 46 plans of 15 layers, estimate over "
        "cycles 0.98 in the median, 0.30 at worst (a strided one by way of channels). It met them better with "
        "pipeline.statements 0.77, setup.tile 24, setup.accumulator 1, moves.in_order 1 and memory.store_run 1, but "
        "then the plans taken took 1.080 times as long as the fastest, not 1.067: left as they are. "
        f"{ZEN4}, avx2: 2.00 multiply-adds and 2.00 loads a cycle, latency 4.00; of 19 layers the plans taken took "
        "1.035 times as long as the fastest of 51; with memory.touched 0.03 1.143"
    ),
    pipeline=Pipeline(
        issue=6,
        loads=2,
        stores=1,
        multiply_adds=((32, 2.0), (inf, 1.0)),
        latency=4.4,
        turn=3,
        wide_load=((16, 0.0), (inf, 0.1)),
        statements=1.1,
        row_pass=14.0,
    ),
    setup=Setup(
        tile=12, accumulator=2, border=20, transform=400, row=1.2, run=4, page=500, tap=3, divided_tap=12, call=1000
    ),
    moves=Moves(copied=0.3, in_order=0.5, alone=1.6, transposed=0.38, gathered=0.6, split=0.35, scattered=0.65),
    memory=Memory(
        levels=(*LEVELS, (8 * MIB, 0.05), (inf, 0.2)),
        weights=(*LEVELS, (8 * MIB, 0.05), (inf, 0.2)),
        behind=0.0,
        line=64,
        page=4096,
        pages=64,
        lookup=6.0,
        way=4096,
        ways=7,
        crowded=1.35,
        pitch=256,
        near=12 * KIB,
        feed=24,
        crowded_feed=22,
        outer=MIB,
        store_run=0.5,
        streamed=0.5,
        refetched=0.25,
        fetched=48,
        touched=0.0,
    ),
    rooms=Rooms(
        input=128 * KIB,
        steps=(24, 128),
        steps_along=256,
        strip=(24 * KIB, 32 * KIB),
        strip_row=512,
        panels=(48 * KIB, 160 * KIB, 480 * KIB, 1440 * KIB),
        run=16,
        stages=(8 * KIB, 24 * KIB, 96 * KIB),
        whole=MIB,
        blocks=(24 * KIB, 48 * KIB, 96 * KIB, 192 * KIB, 384 * KIB),
        large_blocks=(768 * KIB, 1536 * KIB, 3072 * KIB, 6144 * KIB),
        far_weights=1 << 18,
        rows=256,
        signal=4096,
        dz=16 * KIB,
        x=96 * KIB,
    ),
    budget=Budget(straight=192, taps=16, peeled=640, sliding=640, codelet=1500, lengths=4 * KIB),
)
CORES: dict[str, Core] = {
    core.name: core
    for core in (
        X86,
        replace(X86, name="any", source="nothing is known of the core that runs the code: the figures of `x86`"),
        replace(
            X86,
            name="x86_512",
            source=(
                "the figures of `x86`, with layers A to S on AMD Zen 4, whose ports take 64 bytes in two halves. "
                f"{XEON}, avx512: latency 4.05; 50 plans of 15 layers, estimate over cycles 0.99 in the median, 0.15 "
                "at worst (depthwise, bound by memory there). It did 1.2 to 2 multiply-adds of 64 bytes a cycle: with "
                "1.2, and so many statements as before, S took 0.72 of the time, with 1.4 B and D 1.09. "
                "pipeline.fed, operands: 16 x 1 tiles took 1.65 to 1.9 times as long a multiply-add as 6 x 4, "
                "14 x 2 1.15 to 1.2, 9 x 3 1.0. "
                "pipeline.spilled: with it 45 layers by transforms took 1.025 times as long as by their best ones, "
                "not 1.065; 256→256 K16 of 256 steps 0.7 of what they had, 64 channels depthwise K1024 of 16,384 0.79. "
                "memory.weights, memory.behind: with those of `x86` B and D took 1.46 times as long; "
                "more than 16 MB of weights, which others drive from the last cache, came at 12 GB a second. "
                "memory.touched: with cold caches K was at 0.95 of the best peer by its transform, at 1.67 by direct "
                "sums, which the figure chooses; calls with warm ones pay for it"
            ),
            pipeline=replace(
                X86.pipeline,
                multiply_adds=((32, 2.0), (inf, 1.2)),
                statements=1.1 / 1.2,
                fed=((32, inf), (inf, 2.33)),
                operands=((32, inf), (inf, 1.03)),
                spilled=0.6,
            ),
            memory=replace(
                X86.memory,
                weights=(*LEVELS, (5 * MIB // 4, 0.05), (2 * MIB, 0.08), (8 * MIB, 0.15), (16 * MIB, 0.2), (inf, 0.5)),
                behind=1.0,
                touched=0.03,
            ),
        ),
        replace(
            X86,
            name="zen4",
            family="AuthenticAMD 25",  # of which Zen 4 alone has AVX-512
            source=(
                f"the figures of `x86`, which are Zen 3's. {ZEN4}, avx512: 1.00 multiply-adds and 1.00 loads of 64 "
                "bytes a cycle, latency 4.00. Of 39 layers, A to S and those of three models, the plans taken took "
                "1.025 times as long as the fastest of 354 that were timed; with pipeline.wide_load 0.1 1.028, with "
                "memory.touched 0.01 1.035, with 0.03 1.070; by the row of `x86_512` 1.122"
            ),
            pipeline=replace(
                X86.pipeline,
                latency=4.0,
                operands=((32, inf), (inf, 1.0)),
                wide_load=((16, 0.0), (32, 0.1), (inf, 0.0)),
            ),
        ),
        replace(X86, name="arm", source="the figures of `x86`, never measured on an ARM core"),
    )
}

"""Cortex-M: rows of cores that run in order, with code and tables in flash, and of which few have caches."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from codegen.problem.cores import KIB, Budget, Core, Memory, Moves, Pipeline, Rooms, Setup

__all__ = ["CORTEX"]

NO_CACHE = Memory(
    levels=((inf, 0.0),),
    weights=((inf, 0.0),),
    behind=0.0,
    line=32,
    page=4096,
    pages=64,
    lookup=0.0,
    way=1 << 30,
    ways=1 << 10,
    crowded=1.0,
    pitch=1 << 20,
    near=1 << 30,
    feed=8,
    crowded_feed=8,
    outer=1 << 30,
    store_run=0.0,
    streamed=1.0,
    refetched=0.0,
    fetched=1,
    touched=0.0,
)
FEW_KIB = Rooms(
    input=8 * KIB,
    steps=(4, 64),
    steps_along=64,
    strip=(8 * KIB, 8 * KIB),
    strip_row=512,
    panels=(KIB, 2 * KIB),
    run=4,
    stages=(KIB, 2 * KIB),
    whole=2 * KIB,
    blocks=(2 * KIB, 4 * KIB),
    large_blocks=(4 * KIB,),
    far_weights=1 << 18,
    rows=32,
    signal=256,
    dz=KIB,
    x=2 * KIB,
    halo=2,
)
M4 = Core(
    name="cortex-m4",
    source=(
        "Arm DDI 0439B, tables 3-1 and 7-1, as TI SWCU192, table 3-25, reprints the first: ldr and vldr 2 cycles, "
        "vmul, vadd, smlad 1, vfma 3, a taken branch 1 to 3 more; gcc's cortex-m4-fpu.md schedules by the same. "
        "Code and RAM without wait states, as from a flash accelerator and as QEMU counts. Not measured on a chip"
    ),
    pipeline=Pipeline(
        issue=1,
        loads=0.5,
        stores=0.5,
        multiply_adds=((inf, 1.0),),
        latency=2.0,
        turn=4,
        wide_load=((inf, 0.5),),
        statements=2.0,
        row_pass=120.0,
    ),
    setup=Setup(
        tile=24, accumulator=2, border=30, transform=100, row=4, run=8, page=0, tap=6, divided_tap=16, call=100
    ),
    moves=Moves(copied=3.0, in_order=3.0, alone=6.0, transposed=6.0, gathered=4.0, split=0.0, scattered=2.0),
    memory=NO_CACHE,
    rooms=FEW_KIB,
    budget=Budget(straight=64, taps=0, peeled=0, sliding=120, codelet=120, turn=72, laps=True, endings=400),
)
SOFT = replace(M4.pipeline, multiply_adds=((inf, 0.01),), latency=50.0, row_pass=2000.0)
# What libgcc takes for a product and a sum of floats was counted in QEMU, a layer of 8 to 8 channels, gcc 12.2 -O2.
CORTEX: dict[str, Core] = {
    core.name: core
    for core in (
        replace(
            M4,
            name="cortex-m0",
            source=(
                "Arm DDI 0432C, table 3-1: ldr 2 cycles, a taken branch 3; libgcc: 195 instructions a multiply-add of "
                "floats, and about 250 a sum of int8, as no instruction gives a product of 64 bits"
            ),
            pipeline=replace(SOFT, multiply_adds=((inf, 0.005),), latency=100.0, rescaled=250.0),
            budget=replace(M4.budget, straight=8),
        ),
        replace(
            M4,
            name="cortex-m3",
            source="Arm DDI 0337E, table 18.1: ldr 2, a taken branch 2 to 4; libgcc: 91 instructions a multiply-add",
            pipeline=SOFT,
            budget=replace(M4.budget, straight=8),
        ),
        M4,
        replace(
            M4,
            name="cortex-m7",
            source=(
                "Two instructions a cycle in order, of which one is a float's and one or two are loads, as "
                "quinapalus.com/cm7cycles.html measured on an STM32H730; code and data in its TCMs. Not fitted"
            ),
            pipeline=replace(M4.pipeline, issue=2, loads=1, stores=1, latency=3.0),
        ),
        replace(M4, name="cortex-m33", source="the figures of `cortex-m4`, whose floating-point unit it shares: FPv5"),
        replace(
            M4,
            name="cortex-m55",
            source=(
                "A vector of 16 bytes takes 2 cycles, and a load beside a product is hidden: Arm-Examples/Helium-"
                "Optimization, General_optimizations; else as `cortex-m4`. Not fitted"
            ),
            pipeline=replace(M4.pipeline, loads=1, stores=1, latency=4.0),
        ),
    )
}

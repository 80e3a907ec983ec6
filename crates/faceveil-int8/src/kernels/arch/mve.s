@ Kernels for the vector extension of Armv8.1-M (Cortex-M55, M85). Called from mve.rs alone, which tells what each one
@ reads and writes. AAPCS. Loops end with predicated lanes: nothing is read or written behind the last value.

.syntax unified
.cpu cortex-m55
.thumb

@ Four sums in q0 to 8 bits in the lowest byte of each lane: q3 multipliers, q4 negative shifts, q5 zero point. q1 is
@ lost. Two roundings: VQRDMULH has ties up; the correction by the sign makes those of VRSHL go away from zero.
.macro fv_scale4
    vqrdmulh.s32 q0, q0, q3
    vand q1, q0, q4
    vshr.s32 q1, q1, #31
    vqadd.s32 q0, q0, q1
    vrshl.s32 q0, q0, q4
    vadd.i32 q0, q0, q5
    vqmovnb.s32 q0, q0
    vqmovnb.s16 q0, q0
.endm

@ fv_mve_point(job): up to four channels of all places.
.section .text.fv_mve_point,"ax",%progbits
.global fv_mve_point
.type fv_mve_point,%function
.thumb_func
.balign 4
fv_mve_point:
    push {r4-r11, lr}
    vpush {d8-d15}
    sub sp, sp, #12
    ldr r1, [r0, #32]
    str r1, [sp]
    ldr r1, [r0, #40]
    vctp.32 r1
    ldr r1, [r0, #36]
    vdup.32 q5, r1
    add r1, r0, #44
    vldrw.u32 q2, [r1]
    vldrw.u32 q3, [r1, #16]
    vldrw.u32 q4, [r1, #32]
    ldrd r3, r5, [r0]
    ldrd r8, r9, [r0, #8]
    ldrd r1, r7, [r0, #16]
    ldrd r10, r12, [r0, #24]
    add r11, r12, #15
    bic r11, r11, #15
1:
    movs r0, #0
    movs r2, #0
    movs r4, #0
    movs r6, #0
    dlstp.8 lr, r12
2:
    vldrb.u8 q0, [r1], #16
    vldrb.u8 q1, [r3], #16
    vmladava.s8 r0, q0, q1
    vldrb.u8 q6, [r5], #16
    vmladava.s8 r2, q0, q6
    vldrb.u8 q1, [r8], #16
    vmladava.s8 r4, q0, q1
    vldrb.u8 q6, [r9], #16
    vmladava.s8 r6, q0, q6
    letp lr, 2b
    vmov q0[2], q0[0], r0, r4
    vmov q0[3], q0[1], r2, r6
    vadd.i32 q0, q0, q2
    fv_scale4
    vpst
    vstrbt.32 q0, [r7]
    ldr lr, [sp]
    sub r3, r3, r11
    sub r5, r5, r11
    sub r8, r8, r11
    sub r9, r9, r11
    sub r1, r1, r11
    add r1, r1, r12
    add r7, r7, lr
    subs r10, r10, #1
    bne 1b
    add sp, sp, #12
    vpop {d8-d15}
    pop {r4-r11, pc}
.size fv_mve_point, . - fv_mve_point

@ A channel of four pixels in the low bytes of q1, its upper bits at the byte's top: they are repeated below
@ themselves, and 128 is taken off.
.macro fv_channel bits
    vsri.8 q1, q1, #\bits
    veor q1, q1, q2
    vstrb.32 q1, [r2, q3]
.endm

@ fv_mve_rgb565(pixels, row, to): a square of 4 by 4 pixels, red, green and blue of each.
.section .text.fv_mve_rgb565,"ax",%progbits
.global fv_mve_rgb565
.type fv_mve_rgb565,%function
.thumb_func
.balign 4
fv_mve_rgb565:
    mov r12, #0
    vidup.u32 q3, r12, #1
    movs r3, #3
    vmul.i32 q3, q3, r3
    vmov.i32 q2, #128
.rept 4
    vldrh.u32 q0, [r0]
    add r0, r0, r1
    vshr.u32 q1, q0, #8
    fv_channel 5
    adds r2, r2, #1
    vshr.u32 q1, q0, #3
    fv_channel 6
    adds r2, r2, #1
    vshl.i32 q1, q0, #3
    fv_channel 5
    adds r2, r2, #10
.endr
    bx lr
.size fv_mve_rgb565, . - fv_mve_rgb565

@ fv_mve_plane(job): one channel of some columns of all rows, side by side.
@ job: 0 offsets of 8 columns (16 bits each), 16 x, 20 dst, 24 columns, 28 rows, 32 bytes of eight columns,
@ 36 bytes of a row of x, 40 bytes of a row of dst.
.section .text.fv_mve_plane,"ax",%progbits
.global fv_mve_plane
.type fv_mve_plane,%function
.thumb_func
.balign 4
fv_mve_plane:
    push {r4-r11, lr}
    vldrh.u16 q1, [r0]
    ldrd r1, r2, [r0, #16]
    ldrd r3, r4, [r0, #24]
    ldrd r5, r6, [r0, #32]
    ldr r7, [r0, #40]
1:
    mov r8, r1
    mov r0, r2
    dlstp.16 lr, r3
2:
    vldrb.u16 q0, [r8, q1]
    add r8, r8, r5
    vstrb.16 q0, [r0], #8
    letp lr, 2b
    add r1, r1, r6
    add r2, r2, r7
    subs r4, r4, #1
    bne 1b
    pop {r4-r11, pc}
.size fv_mve_plane, . - fv_mve_plane

@ Three taps of a row: the second one lies \middle bytes behind the first, the third one \last bytes.
.macro fv_taps row, middle, last, w0, w1, w2
    vldrb.s32 q1, [\row, #\middle]
    vmla.s32 q0, q1, \w1
    vldrb.s32 q1, [\row, #\last]
    vmla.s32 q0, q1, \w2
    vldrb.s32 q1, [\row], #4
    vmla.s32 q0, q1, \w0
.endm

@ fv_mve_depth_NAME(job): one channel of all rows of outputs.
@ job: 0 offsets of four outputs, 16 plane's step to the next row of outputs less what a row moves on, 20 bytes of a row
@ of out, 24 rows, 28 columns, 32 offset of the next four, 36 bias, 40 multiplier, 44 negative shift, 48 zero point,
@ 52 out, 56 plane, 60 its bytes a row, 64 nine weights.
.macro fv_depth name, middle, last
.section .text.fv_mve_depth_\name,"ax",%progbits
.global fv_mve_depth_\name
.type fv_mve_depth_\name,%function
.thumb_func
.balign 4
fv_mve_depth_\name:
    push {r4-r11, lr}
    vpush {d8-d15}
    sub sp, sp, #36
    mov r12, r0
    ldm r12!, {r0-r8}
    stm sp, {r0-r7}
    vdup.32 q6, r8
    ldm r12!, {r0-r3}
    vdup.32 q2, r0
    vdup.32 q3, r1
    vdup.32 q4, r2
    vdup.32 q5, r3
    ldm r12!, {r0-r2}
    str r0, [sp, #32]
    mov lr, r2
    mov r0, r1
    ldm r12, {r3-r11}
    add r1, r0, lr
    add r2, r1, lr
    ldr r12, [sp, #32]
1:
    vldrw.u32 q7, [sp]
    ldr lr, [sp, #28]
    dlstp.32 lr, lr
2:
    vmov q0, q2
    fv_taps r0, \middle, \last, r3, r4, r5
    fv_taps r1, \middle, \last, r6, r7, r8
    fv_taps r2, \middle, \last, r9, r10, r11
    fv_scale4
    vstrb.32 q0, [r12, q7]
    vadd.i32 q7, q7, q6
    letp lr, 2b
    ldr lr, [sp, #16]
    add r0, r0, lr
    add r1, r1, lr
    add r2, r2, lr
    ldr lr, [sp, #20]
    add r12, r12, lr
    ldr lr, [sp, #24]
    subs lr, lr, #1
    str lr, [sp, #24]
    bne 1b
    add sp, sp, #36
    vpop {d8-d15}
    pop {r4-r11, pc}
.size fv_mve_depth_\name, . - fv_mve_depth_\name
.endm

fv_depth step1, 1, 2
fv_depth step2_24, 24, 1
fv_depth step2_72, 72, 1

@ fv_mve_add(a, b, len, job): b = a + b. job: zero points of a and b, multipliers, negative shifts, then multiplier,
@ negative shift and zero point of the sum.
.section .text.fv_mve_add,"ax",%progbits
.global fv_mve_add
.type fv_mve_add,%function
.thumb_func
.balign 4
fv_mve_add:
    push {r4-r11, lr}
    vpush {d8-d15}
    mov lr, r2
    ldm r3, {r4-r12}
    vdup.32 q6, r8
    vdup.32 q7, r9
    vdup.32 q3, r10
    vdup.32 q4, r11
    vdup.32 q5, r12
    dlstp.32 lr, lr
1:
    vldrb.s32 q0, [r0], #4
    vsub.i32 q0, q0, r4
    vshl.i32 q0, q0, #20
    vqrdmulh.s32 q0, q0, r6
    vand q1, q0, q6
    vshr.s32 q1, q1, #31
    vqadd.s32 q0, q0, q1
    vrshl.s32 q2, q0, q6
    vldrb.s32 q0, [r1]
    vsub.i32 q0, q0, r5
    vshl.i32 q0, q0, #20
    vqrdmulh.s32 q0, q0, r7
    vand q1, q0, q7
    vshr.s32 q1, q1, #31
    vqadd.s32 q0, q0, q1
    vrshl.s32 q0, q0, q7
    vadd.i32 q0, q0, q2
    fv_scale4
    vstrb.32 q0, [r1], #4
    letp lr, 1b
    vpop {d8-d15}
    pop {r4-r11, pc}
.size fv_mve_add, . - fv_mve_add

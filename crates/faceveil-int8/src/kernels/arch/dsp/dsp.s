@ Kernels for the DSP extension of Armv7E-M (Cortex-M4, Cortex-M7). Called from dsp.rs alone, which tells what
@ each one reads and writes. AAPCS; no floating point; no access outside of what is told there.

.syntax unified
.thumb

@ Four weights (r1, forward) times four values of each of P places (r0, forward): sums in r4..
.macro fv_quad P
    ldr r2, [r1], #4
    sxtb16 r3, r2, ror #8
    sxtb16 r2, r2
.if \P > 1
    ldrd r12, lr, [r0, #8]
    smlad r5, r12, r2, r5
    smlad r5, lr, r3, r5
.endif
.if \P > 2
    ldrd r12, lr, [r0, #16]
    smlad r6, r12, r2, r6
    smlad r6, lr, r3, r6
    ldrd r12, lr, [r0, #24]
    smlad r7, r12, r2, r7
    smlad r7, lr, r3, r7
.endif
.if \P > 4
    ldrd r12, lr, [r0, #32]
    smlad r8, r12, r2, r8
    smlad r8, lr, r3, r8
    ldrd r12, lr, [r0, #40]
    smlad r9, r12, r2, r9
    smlad r9, lr, r3, r9
    ldrd r12, lr, [r0, #48]
    smlad r10, r12, r2, r10
    smlad r10, lr, r3, r10
    ldrd r12, lr, [r0, #56]
    smlad r11, r12, r2, r11
    smlad r11, lr, r3, r11
.endif
    ldrd r12, lr, [r0], #(8 * \P)
    smlad r4, r12, r2, r4
    smlad r4, lr, r3, r4
.endm

@ A doubled sum to 8 bits, both roundings: r0 multiplier, r1 twice the second rounding with the zero point, r2 shift; r3
@ is lost. Halved after the sign is added: that is half of the divisor, less 1 for negative sums, and 0 for no shift.
.macro fv_scale sum
    add r3, r1, \sum, asr #31
    asr r3, r3, #1
    smmlar \sum, \sum, r0, r3
    asr \sum, \sum, r2
    ssat \sum, #8, \sum
.endm

@ fv_dsp_tile_P(x, w, quads, table, channels, out, stride)
.macro fv_tile P
.section .text.fv_dsp_tile_\P,"ax",%progbits
.global fv_dsp_tile_\P
.type fv_dsp_tile_\P,%function
.thumb_func
.balign 4
fv_dsp_tile_\P:
    push {r4-r11, lr}
    sub sp, sp, #28
    @ 0: end of x, 4: table, 8: channels left, 12: out, 16: stride, 20: x, 24: weights
    str r0, [sp, #20]
    mov r12, #(8 * \P)
    mla r12, r2, r12, r0
    str r12, [sp]
    ldr r12, [sp, #64]
    str r12, [sp, #8]
    ldr r12, [sp, #68]
    str r12, [sp, #12]
    ldr r12, [sp, #72]
    str r12, [sp, #16]
    str r3, [sp, #4]
1:
    ldr r12, [sp, #4]
    ldr r4, [r12], #4
    str r12, [sp, #4]
    ldr r0, [sp, #20]
.if \P > 1
    mov r5, r4
.endif
.if \P > 2
    mov r6, r4
    mov r7, r4
.endif
.if \P > 4
    mov r8, r4
    mov r9, r4
    mov r10, r4
    mov r11, r4
.endif
    @ An odd number of quads does one by itself.
    ldr r12, [sp]
    sub r12, r12, r0
    tst r12, #(8 * \P)
    beq 2f
    fv_quad \P
    ldr r12, [sp]
    cmp r0, r12
    beq 3f
2:
    fv_quad \P
    fv_quad \P
    ldr r12, [sp]
    cmp r0, r12
    bne 2b
3:
    str r1, [sp, #24]
    ldr r12, [sp, #4]
    ldm r12!, {r0, r1, r2}
    str r12, [sp, #4]
    ldr r12, [sp, #12]
    fv_scale r4
.if \P > 1
    fv_scale r5
.endif
.if \P > 2
    fv_scale r6
    fv_scale r7
.endif
.if \P > 4
    fv_scale r8
    fv_scale r9
    fv_scale r10
    fv_scale r11
.endif
.if \P > 1
    ldr lr, [sp, #16]
    strb r5, [r12, lr]
.endif
.if \P > 2
    strb r6, [r12, lr, lsl #1]
    add r3, r12, lr
    strb r7, [r3, lr, lsl #1]
.endif
.if \P > 4
    strb r8, [r12, lr, lsl #2]
    strb r9, [r3, lr, lsl #2]
    add r3, r3, lr
    strb r10, [r3, lr, lsl #2]
    add r3, r3, lr
    strb r11, [r3, lr, lsl #2]
.endif
    strb r4, [r12], #1
    str r12, [sp, #12]
    ldr r1, [sp, #24]
    ldr r12, [sp, #8]
    subs r12, r12, #1
    str r12, [sp, #8]
    bne 1b
    add sp, sp, #28
    pop {r4-r11, pc}
.size fv_dsp_tile_\P, . - fv_dsp_tile_\P
.endm

fv_tile 1
fv_tile 4
fv_tile 8

@ fv_dsp_pack(x, quads, dst, step): doubles 4 * quads values, 16 bits each, in the order 0 2 1 3.
.section .text.fv_dsp_pack,"ax",%progbits
.global fv_dsp_pack
.type fv_dsp_pack,%function
.thumb_func
.balign 4
fv_dsp_pack:
    push {r4-r7, lr}
    lsrs r1, r1, #1
    bcc 1f
    ldr r4, [r0], #4
    sxtb16 r5, r4, ror #8
    sxtb16 r4, r4
    sadd16 r5, r5, r5
    sadd16 r4, r4, r4
    strd r4, r5, [r2]
    add r2, r2, r3
    cbz r1, 2f
1:
    ldr r4, [r0], #4
    ldr r6, [r0], #4
    sxtb16 r5, r4, ror #8
    sxtb16 r4, r4
    sxtb16 r7, r6, ror #8
    sxtb16 r6, r6
    sadd16 r5, r5, r5
    sadd16 r4, r4, r4
    sadd16 r7, r7, r7
    sadd16 r6, r6, r6
    strd r4, r5, [r2]
    add r2, r2, r3
    strd r6, r7, [r2]
    add r2, r2, r3
    subs r1, r1, #1
    bne 1b
2:
    pop {r4-r7, pc}
.size fv_dsp_pack, . - fv_dsp_pack

@ fv_dsp_spread(x, step, columns, dst, plane): four channels of a row to four planes of 16 bits. In pairs of columns.
.section .text.fv_dsp_spread,"ax",%progbits
.global fv_dsp_spread
.type fv_dsp_spread,%function
.thumb_func
.balign 4
fv_dsp_spread:
    push {r4-r11, lr}
    ldr r4, [sp, #36]
    add r8, r3, r4
    add r9, r8, r4
    add r10, r9, r4
1:
    ldr r4, [r0]
    ldr r6, [r0, r1]
    add r0, r0, r1, lsl #1
    sxtb16 r5, r4, ror #8
    sxtb16 r4, r4
    sxtb16 r7, r6, ror #8
    sxtb16 r6, r6
    pkhbt r11, r4, r6, lsl #16
    pkhtb r6, r6, r4, asr #16
    pkhbt r12, r5, r7, lsl #16
    pkhtb r7, r7, r5, asr #16
    str r11, [r3], #4
    str r12, [r8], #4
    str r6, [r9], #4
    str r7, [r10], #4
    subs r2, r2, #2
    bgt 1b
    pop {r4-r11, pc}
.size fv_dsp_spread, . - fv_dsp_spread

@ One row of the kernel for four outputs at step 1: words of x from \row on, weights at sp + \at.
.macro fv_taps1 row, at
    ldrd r8, r9, [sp, #\at]
    ldrd r0, r1, [\row], #8
    ldrd r2, r3, [\row]
    smlatb r4, r0, r8, r4
    smlad r4, r1, r9, r4
    smlad r5, r1, r8, r5
    smlabt r5, r2, r9, r5
    smlatb r6, r1, r8, r6
    smlad r6, r2, r9, r6
    smlad r7, r2, r8, r7
    smlabt r7, r3, r9, r7
.endm

@ The same at step 2.
.macro fv_taps2 row, at
    ldrd r8, r9, [sp, #\at]
    ldrd r0, r1, [\row], #8
    ldrd r2, r3, [\row], #8
    smlatb r4, r0, r8, r4
    ldr r0, [\row]
    smlad r4, r1, r9, r4
    smlatb r5, r1, r8, r5
    smlad r5, r2, r9, r5
    smlatb r6, r2, r8, r6
    smlad r6, r3, r9, r6
    smlatb r7, r3, r8, r7
    smlad r7, r0, r9, r7
.endm

@ fv_dsp_rowS(job): see dsp.rs, `Job`.
.macro fv_row S
.section .text.fv_dsp_row\S,"ax",%progbits
.global fv_dsp_row\S
.type fv_dsp_row\S,%function
.thumb_func
.balign 4
fv_dsp_row\S:
    push {r4-r11, lr}
    sub sp, sp, #68
    @ 0..24: weights, 24: bias, 28: shift, 32: multiplier, 36: rounding, 40: end of whole fours, 44: stride,
    @ 48: columns behind them, 52: job, 56: channels left, 60: channel's constants, 64: plane's offset
    str r0, [sp, #52]
    ldrd r1, r2, [r0, #20]
    str r1, [sp, #44]
    and r3, r2, #3
    str r3, [sp, #48]
    mov r3, #4
    str r3, [sp, #56]
    ldr r3, [r0, #12]
    str r3, [sp, #60]
    mov r3, #0
    str r3, [sp, #64]
1:  @ a channel
    ldr r12, [sp, #60]
    ldm r12!, {r0-r9}
    str r12, [sp, #60]
    stm sp, {r0-r9}
    ldr r12, [sp, #52]
    ldr lr, [r12, #16]
    ldrd r0, r1, [r12, #20]
    bic r1, r1, #3
    mla r1, r1, r0, lr
    str r1, [sp, #40]
    ldr r2, [sp, #64]
    ldrd r10, r11, [r12, #0]
    ldr r3, [r12, #8]
    add r10, r10, r2
    add r11, r11, r2
    add r12, r3, r2
    cmp lr, r1
    beq 3f
2:  @ four outputs
    ldr r4, [sp, #24]
    mov r5, r4
    mov r6, r4
    mov r7, r4
    fv_taps\S r10, 0
    fv_taps\S r11, 8
    fv_taps\S r12, 16
    ldrd r0, r1, [sp, #32]
    ldr r2, [sp, #28]
    ldrd r8, r9, [sp, #40]
    fv_scale r4
    fv_scale r5
    fv_scale r6
    fv_scale r7
    strb r4, [lr]
    strb r5, [lr, r9]
    strb r6, [lr, r9, lsl #1]
    add r3, lr, r9
    strb r7, [r3, r9, lsl #1]
    add lr, lr, r9, lsl #2
    cmp lr, r8
    bne 2b
3:  @ one to three more
    ldr r0, [sp, #48]
    cmp r0, #0
    beq 4f
    ldr r4, [sp, #24]
    mov r5, r4
    mov r6, r4
    mov r7, r4
    fv_taps\S r10, 0
    fv_taps\S r11, 8
    fv_taps\S r12, 16
    ldrd r0, r1, [sp, #32]
    ldr r2, [sp, #28]
    ldr r9, [sp, #44]
    fv_scale r4
    fv_scale r5
    fv_scale r6
    strb r4, [lr]
    ldr r0, [sp, #48]
    cmp r0, #2
    blt 4f
    strb r5, [lr, r9]
    beq 4f
    strb r6, [lr, r9, lsl #1]
4:
    ldr r12, [sp, #52]
    ldr r0, [r12, #16]
    add r0, r0, #1
    str r0, [r12, #16]
    ldr r0, [r12, #28]
    ldr r1, [sp, #64]
    add r1, r1, r0
    str r1, [sp, #64]
    ldr r0, [sp, #56]
    subs r0, r0, #1
    str r0, [sp, #56]
    bne 1b
    add sp, sp, #68
    pop {r4-r11, pc}
.size fv_dsp_row\S, . - fv_dsp_row\S
.endm

fv_row 1
fv_row 2

@ fv_dsp_add(a, b, out, len, terms): terms holds the doubled terms of a (256 words), of b (256), multiplier, rounding,
@ shift. `len` is not 0; `out` may be `a` or `b`.
.section .text.fv_dsp_add,"ax",%progbits
.global fv_dsp_add
.type fv_dsp_add,%function
.thumb_func
.balign 4
fv_dsp_add:
    push {r4-r11, lr}
    ldr r4, [sp, #36]
    add r5, r4, #1024
    add r6, r4, #2048
    ldm r6, {r6, r7, r8}
    add r3, r3, r2
    @ r0 a, r1 b, r2 out, r3 end, r4 r5 terms, r6 multiplier, r7 rounding, r8 shift
1:
    sub r9, r3, r2
    cmp r9, #4
    blt 2f
.rept 4
    ldrb r9, [r0], #1
    ldrb r10, [r1], #1
    ldr r9, [r4, r9, lsl #2]
    ldr r10, [r5, r10, lsl #2]
    add r9, r9, r10
    add r10, r7, r9, asr #31
    smmlar r9, r9, r6, r10
    asr r9, r9, r8
    ssat r9, #8, r9
    strb r9, [r2], #1
.endr
    b 1b
2:
    cmp r2, r3
    beq 3f
    ldrb r9, [r0], #1
    ldrb r10, [r1], #1
    ldr r9, [r4, r9, lsl #2]
    ldr r10, [r5, r10, lsl #2]
    add r9, r9, r10
    add r10, r7, r9, asr #31
    smmlar r9, r9, r6, r10
    asr r9, r9, r8
    ssat r9, #8, r9
    strb r9, [r2], #1
    b 2b
3:
    pop {r4-r11, pc}
.size fv_dsp_add, . - fv_dsp_add

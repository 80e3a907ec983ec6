/* Runs a gate network that was exported in C99 on a frame (RGB565) of the emulator's host, and prints the mask's
   checksum (FNV-1a) and the instructions, as the example in Rust does. Built by `cargo xtask firmware`, which defines
   PIXELS (bytes of the frame), MASK (values of the output) and TICK_TENTHS (tenths of an instruction a tick). */
#include <stdint.h>

enum { FV_RGB565 = 1 };
void gate_run(const uint8_t *frame, int format);
const int8_t *gate_output0(void);

extern uint32_t __data_start, __data_end, __data_load, __bss_start, __bss_end, __stack_top;

static volatile uint32_t wraps;
static uint8_t frame[PIXELS];

/* Semihosting, <https://github.com/ARM-software/abi-aa/blob/main/semihosting>. */
static intptr_t host(intptr_t operation, const void *argument) {
    register intptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(uint32_t code) {
    const uint32_t block[2] = {0x20026, code};
    host(0x20, block);
    for (;;) {
    }
}

static void number(const char *name, uint32_t value) {
    char digits[12];
    int at = 11;
    digits[at] = 0;
    digits[--at] = '\n';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    digits[--at] = ' ';
    host(4, name);
    host(4, digits + at);
}

/* The second word of the emulator's arguments names the file. */
static void read_frame(void) {
    static char line[512];
    uint32_t text[2] = {(uint32_t)line, sizeof line}, file[3], part[3], closed[1];
    char *path = line;
    uint32_t length = 0;
    if (host(0x15, text) != 0) {
        leave(2);
    }
    while (*path && *path != ' ') {
        path++;
    }
    path += *path == ' ';
    while (path[length] && path[length] != ' ') {
        length++;
    }
    path[length] = 0;
    file[0] = (uint32_t)path;
    file[1] = 1;
    file[2] = length;
    closed[0] = (uint32_t)host(1, file);
    part[0] = closed[0];
    part[1] = (uint32_t)frame;
    part[2] = sizeof frame;
    if ((int32_t)closed[0] < 0 || host(6, part) != 0) {
        leave(3);
    }
    host(2, closed);
}

/* SysTick: control, reload, current value; it counts down 24 bits. */
static volatile uint32_t *const timer = (volatile uint32_t *)0xe000e010;

static uint64_t ticks(void) {
    uint32_t before, value;
    do {
        before = wraps;
        value = timer[2];
    } while (before != wraps);
    return ((uint64_t)before << 24) + (0xffffff - value);
}

void tick(void);
void tick(void) { wraps++; }

void fault(void);
void fault(void) { leave(101); }

void reset(void);
void reset(void) {
    uint32_t *to = &__data_start, *from = &__data_load, sum = 0x811c9dc5;
    uint64_t begun, taken;
    int i;
    while (to < &__data_end) {
        *to++ = *from++;
    }
    for (to = &__bss_start; to < &__bss_end; to++) {
        *to = 0;
    }
    read_frame();
    timer[1] = 0xffffff;
    timer[2] = 0;
    timer[0] = 7;
    /* It starts with a jump from 0 to the top. */
    while (timer[2] == 0) {
    }
    begun = ticks();
    gate_run(frame, FV_RGB565);
    taken = ticks() - begun;
    for (i = 0; i < MASK; i++) {
        sum = (sum ^ (uint8_t)gate_output0()[i]) * 0x01000193;
    }
    number("mask", sum);
    number("network", (uint32_t)(taken * TICK_TENTHS / 10));
    leave(0);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    &__stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault, 0, 0, 0, 0,
    (void *)fault, (void *)fault, 0, (void *)fault, (void *)tick,
};

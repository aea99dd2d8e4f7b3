// SPDX-License-Identifier: ISC

//go:build linux && !loopforkexec

#include "go_asm.h"
#include "textflag.h"

#define SYS_rt_sigprocmask 14
#define SYS_exit_group 231
#define SYS_clone3 435
#define SIG_SETMASK 2

// func bear(b *birth) (pid int)
//
// The child has our memory, and its stack pointer is this thread's, which goes
// on: no call, no push, nothing but registers until it executes its program or
// exits.
TEXT ·bear(SB), NOSPLIT|NOFRAME, $0-16
	MOVQ b+0(FP), R12

	MOVQ $SIG_SETMASK, DI // first this: no handler of ours may run in the child
	LEAQ birth_all(R12), SI
	LEAQ birth_mask(R12), DX
	MOVQ $8, R10
	MOVQ $SYS_rt_sigprocmask, AX
	SYSCALL

	LEAQ birth_clone(R12), DI
	MOVQ $const_cloneSize, SI
	MOVQ $SYS_clone3, AX
	SYSCALL
	TESTQ AX, AX
	JZ child

	MOVQ AX, R13
	MOVQ $SIG_SETMASK, DI
	LEAQ birth_mask(R12), SI
	XORQ DX, DX
	MOVQ $8, R10
	MOVQ $SYS_rt_sigprocmask, AX
	SYSCALL
	MOVQ R13, pid+8(FP)
	RET

child:
	MOVQ birth_script(R12), BX

step:
	MOVQ (call_args+0)(BX), DI
	MOVQ (call_args+8)(BX), SI
	MOVQ (call_args+16)(BX), DX
	MOVQ (call_args+24)(BX), R10
	MOVQ (call_args+32)(BX), R8
	MOVQ call_number(BX), AX
	SYSCALL
	CMPQ AX, $0xfffffffffffff001
	JCS next
	CMPB call_optional(BX), $0
	JEQ failed

next:
	ADDQ $call__size, BX
	JMP step

failed:
	NEGQ AX
	MOVQ AX, birth_errno(R12)
	MOVQ BX, birth_failed(R12)
	MOVQ $127, DI
	MOVQ $SYS_exit_group, AX
	SYSCALL
	INT $3

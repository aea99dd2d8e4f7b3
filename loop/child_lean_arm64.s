// SPDX-License-Identifier: ISC

//go:build linux && !loopforkexec

#include "go_asm.h"
#include "textflag.h"

#define SYS_exit_group 94
#define SYS_rt_sigprocmask 135
#define SYS_clone3 435
#define SIG_SETMASK 2

// func bear(b *birth) (pid int)
//
// The child has our memory, and its stack pointer is this thread's, which goes
// on: no call, no push, nothing but registers until it executes its program or
// exits.
TEXT ·bear(SB), NOSPLIT|NOFRAME, $0-16
	MOVD b+0(FP), R20

	MOVD $SIG_SETMASK, R0 // first this: no handler of ours may run in the child
	ADD $birth_all, R20, R1
	ADD $birth_mask, R20, R2
	MOVD $8, R3
	MOVD $SYS_rt_sigprocmask, R8
	SVC

	ADD $birth_clone, R20, R0
	MOVD $const_cloneSize, R1
	MOVD $SYS_clone3, R8
	SVC
	CBZ R0, child

	MOVD R0, R21
	MOVD $SIG_SETMASK, R0
	ADD $birth_mask, R20, R1
	MOVD ZR, R2
	MOVD $8, R3
	MOVD $SYS_rt_sigprocmask, R8
	SVC
	MOVD R21, pid+8(FP)
	RET

child:
	MOVD birth_script(R20), R22

step:
	MOVD (call_args+0)(R22), R0
	MOVD (call_args+8)(R22), R1
	MOVD (call_args+16)(R22), R2
	MOVD (call_args+24)(R22), R3
	MOVD (call_args+32)(R22), R4
	MOVD call_number(R22), R8
	SVC
	CMN $4095, R0
	BCC next
	MOVBU call_optional(R22), R1
	CBZ R1, failed

next:
	ADD $call__size, R22
	B step

failed:
	NEG R0, R0
	MOVD R0, birth_errno(R20)
	MOVD R22, birth_failed(R20)
	MOVD $127, R0
	MOVD $SYS_exit_group, R8
	SVC
	BRK $0

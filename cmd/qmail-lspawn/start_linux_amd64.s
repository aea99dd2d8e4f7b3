// SPDX-License-Identifier: ISC

#include "textflag.h"

// prlimit64(0, RLIMIT_AS, new, old)
#define PRLIMIT	302
#define AS	9

// lspawn_start is where the process begins if the linker was told so: see
// limit_linux.go. There is no runtime yet. The limit becomes none, or, where
// that takes a right that we do not have, as high as it may be; then the
// runtime's own beginning follows, with the stack as the kernel has left it.
TEXT lspawn_start(SB),NOSPLIT|NOFRAME,$0
	MOVL	$PRLIMIT, AX
	XORL	DI, DI
	MOVL	$AS, SI
	XORL	DX, DX
	LEAQ	·found(SB), R10
	SYSCALL
	TESTQ	AX, AX
	JNE	begin
	CMPQ	·found(SB), $-1
	JEQ	begin
	PUSHQ	$-1
	PUSHQ	$-1
	MOVL	$PRLIMIT, AX
	XORL	DI, DI
	MOVL	$AS, SI
	MOVQ	SP, DX
	XORL	R10, R10
	SYSCALL
	TESTQ	AX, AX
	JEQ	raised
	MOVQ	·found+8(SB), AX
	MOVQ	AX, 0(SP)
	MOVQ	AX, 8(SP)
	MOVL	$PRLIMIT, AX
	XORL	DI, DI
	MOVL	$AS, SI
	MOVQ	SP, DX
	XORL	R10, R10
	SYSCALL
raised:
	ADDQ	$16, SP
begin:
	JMP	_rt0_amd64_linux(SB)

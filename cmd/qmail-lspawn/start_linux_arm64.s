// SPDX-License-Identifier: ISC

#include "textflag.h"

// prlimit64(0, RLIMIT_AS, new, old)
#define PRLIMIT	261
#define AS	9

// lspawn_start: see start_linux_amd64.s.
TEXT lspawn_start(SB),NOSPLIT|NOFRAME,$0
	MOVD	$PRLIMIT, R8
	MOVD	$0, R0
	MOVD	$AS, R1
	MOVD	$0, R2
	MOVD	$·found(SB), R3
	SVC
	CBNZ	R0, begin
	MOVD	$·found(SB), R9
	MOVD	(R9), R10
	CMN	$1, R10
	BEQ	begin
	MOVD	$-1, R11
	SUB	$16, RSP
	MOVD	R11, 0(RSP)
	MOVD	R11, 8(RSP)
	MOVD	$0, R0
	MOVD	$AS, R1
	MOVD	RSP, R2
	MOVD	$0, R3
	SVC
	CBZ	R0, raised
	MOVD	$·found(SB), R9
	MOVD	8(R9), R10
	MOVD	R10, 0(RSP)
	MOVD	R10, 8(RSP)
	MOVD	$0, R0
	MOVD	$AS, R1
	MOVD	RSP, R2
	MOVD	$0, R3
	SVC
raised:
	ADD	$16, RSP
begin:
	B	_rt0_arm64_linux(SB)

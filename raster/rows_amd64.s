#include "textflag.h"

// func lerpPixels(dst, source *float32, columns *lerp, n int)
TEXT ·lerpPixels(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ source+8(FP), SI
	MOVQ columns+16(FP), DX
	MOVQ n+24(FP), CX
	MOVL $0x3f800000, AX // 1
	MOVL AX, X7
	SHUFPS $0, X7, X7
	TESTQ CX, CX
	JLE done

pixel:
	MOVQ 0(DX), R8 // lo
	MOVQ 8(DX), R9 // hi
	MOVSS 16(DX), X1 // weight
	SHUFPS $0, X1, X1
	MOVAPS X7, X0
	SUBPS X1, X0
	LEAQ (R8)(R8*2), R8
	LEAQ (R9)(R9*2), R9
	MOVUPS (SI)(R8*4), X2
	MOVUPS (SI)(R9*4), X3
	MULPS X0, X2
	MULPS X1, X3
	ADDPS X3, X2
	MOVUPS X2, (DI)
	ADDQ $12, DI
	ADDQ $24, DX
	DECQ CX
	JNZ pixel

done:
	RET

// func lerpRows(dst, lo, hi *float32, weight float32, n int)
TEXT ·lerpRows(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ lo+8(FP), SI
	MOVQ hi+16(FP), DX
	MOVSS weight+24(FP), X1
	MOVQ n+32(FP), CX
	SHUFPS $0, X1, X1
	MOVL $0x3f800000, AX // 1
	MOVL AX, X0
	SHUFPS $0, X0, X0
	SUBPS X1, X0

eight:
	SUBQ $8, CX
	JLT rest
	MOVUPS 0(SI), X2
	MOVUPS 16(SI), X3
	MOVUPS 0(DX), X4
	MOVUPS 16(DX), X5
	MULPS X0, X2
	MULPS X0, X3
	MULPS X1, X4
	MULPS X1, X5
	ADDPS X4, X2
	ADDPS X5, X3
	MOVUPS X2, 0(DI)
	MOVUPS X3, 16(DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	JMP eight

rest:
	ADDQ $8, CX
	JZ end

one:
	MOVSS (SI), X2
	MOVSS (DX), X4
	MULSS X0, X2
	MULSS X1, X4
	ADDSS X4, X2
	MOVSS X2, (DI)
	ADDQ $4, SI
	ADDQ $4, DX
	ADDQ $4, DI
	DECQ CX
	JNZ one

end:
	RET

// func lookUpPixels(dst *float32, bgr *uint8, t *tables, n int)
TEXT ·lookUpPixels(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ bgr+8(FP), SI
	MOVQ t+16(FP), DX
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JLE finished

look:
	MOVBLZX 2(SI), AX
	MOVBLZX 1(SI), BX
	MOVBLZX 0(SI), R8
	MOVSS 0(DX)(AX*4), X0
	MOVSS 1024(DX)(BX*4), X1
	MOVSS 2048(DX)(R8*4), X2
	MOVSS X0, 0(DI)
	MOVSS X1, 4(DI)
	MOVSS X2, 8(DI)
	ADDQ $3, SI
	ADDQ $12, DI
	DECQ CX
	JNZ look

finished:
	RET

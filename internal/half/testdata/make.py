"""Writes half.json with PyTorch: rounding of float32 to float16 and bfloat16."""
import json, struct
from pathlib import Path
import torch

here = Path(__file__).parent
bits = [0, 1, 0x80000000, 0x33000000, 0x33000001, 0x33800000, 0x387FE000, 0x387FF000, 0x38800000, 0x3F801000, 0x3F803000,
        0x3F808000, 0x3F818000, 0x477FE000, 0x477FEFFF, 0x477FF000, 0x47800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000]
g = torch.Generator().manual_seed(2)
bits += [b for b in torch.randint(0, 2**32, (200,), generator=g).tolist() if (b & 0x7FFFFFFF) <= 0x7F800000]
bits += [b + 0x38000000 - 0x02000000 for b in torch.randint(0, 2**26, (200,), generator=g).tolist()]
rows = []
for b in bits:
    t = torch.tensor(struct.unpack("<f", struct.pack("<I", b))[0], dtype=torch.float32)
    rows.append([b, t.half().view(torch.int16).item() & 0xFFFF, t.bfloat16().view(torch.int16).item() & 0xFFFF])
(here / "half.json").write_text(json.dumps(rows))

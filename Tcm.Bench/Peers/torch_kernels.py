"""PyTorch's time for the shapes of `Tcm.Bench -- kernels`, on the same GPU, as CSV: the peer of a GPU run (.ci/gpu).

usage: python3 torch_kernels.py OUT.csv
"""

import csv
import sys

import torch

# name, C, K, side, kernel, stride
CONVOLUTIONS = [
    ("1x1 256->64 @160", 256, 64, 160, 1, 1),
    ("1x1 512->2048 @20", 512, 2048, 20, 1, 1),
    ("3x3 128->128 @80", 128, 128, 80, 3, 1),
    ("3x3 s2 3->32 @640", 3, 32, 640, 3, 2),
]
PRODUCTS = [1024, 4096, 8192]
# name, data type, whether TF32 is allowed
PRECISIONS = [
    ("Fp32", torch.float32, False),
    ("Tf32", torch.float32, True),
    ("Fp16", torch.float16, False),
    ("Bf16", torch.bfloat16, False),
]


def milliseconds(run, repeats=20):
    for _ in range(5):
        run()
    times = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return sorted(times)[len(times) // 2]


def rows():
    for precision, kind, tf32 in PRECISIONS:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        for n in PRODUCTS:
            a, b = (torch.randn(n, n, device="cuda", dtype=kind) for _ in range(2))
            yield "multiply", f"{n}x{n}x{n}", precision, milliseconds(lambda: a @ b), 2 * n**3
        for name, c, k, side, kernel, stride in CONVOLUTIONS:
            x = torch.randn(1, c, side, side, device="cuda", dtype=kind).contiguous(memory_format=torch.channels_last)
            layer = torch.nn.Conv2d(c, k, kernel, stride, kernel // 2).to("cuda", kind, memory_format=torch.channels_last)
            work = 2 * c * k * kernel**2 * ((side + stride - 1) // stride) ** 2
            yield "convolution", name, precision, milliseconds(lambda: layer(x).relu_()), work
        q, k, v = (torch.randn(1, 32, 401, 64, device="cuda", dtype=kind) for _ in range(3))
        attend = torch.nn.functional.scaled_dot_product_attention
        yield "attention", "32 heads x 64, 401 tokens", precision, milliseconds(lambda: attend(q, k, v)), 4 * 32 * 401**2 * 64


@torch.no_grad()
def main(path):
    torch.backends.cudnn.benchmark = True
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["family", "case", "precision", "milliseconds", "gflops", "device", "torch"])
        for family, case, precision, ms, work in rows():
            writer.writerow([family, case, precision, f"{ms:.4f}", f"{work / ms / 1e6:.0f}",
                             torch.cuda.get_device_name(), torch.__version__])
            file.flush()


if __name__ == "__main__":
    main(sys.argv[1])

"""A training step of the whole network in PyTorch, from its ONNX export: the peer of `Tcm.Bench -- training` (.ci/gpu).

usage: tcm export formula NETWORK.onnx --size 640x640
       python3 torch_training.py NETWORK.onnx OUT.csv [BATCH]

The exported graph has its BatchNorms unfolded; here they use the statistics of the batch, every other constant is learned, and the
threshold branch, which inference does not need, is a second head with weights of its own. DBNet's loss (balanced cross-entropy, L1, dice),
AdamW (fused). FP32, TF32 and BF16 by autocast with float master weights, eager and torch.compile, channels_last. Needs PyTorch only.
"""

import copy
import csv
import sys
import time

import torch
import torch.nn.functional as F

from torch_network import Network, formula_picture, input_size

PRECISIONS = [("Fp32", False, None), ("Tf32", True, None), ("Bf16", True, torch.bfloat16)]
HEAD = 3  # convolutions of a branch of the head: 3x3, two transposed


class Trained(Network):
    def __init__(self, path):
        super().__init__(path)
        statistics = {name for node in self.nodes if node.type == "BatchNormalization" for name in node.inputs[3:5]}
        for name, key in self.keys.items():
            value = getattr(self, key)
            if name not in statistics and value.is_floating_point():
                delattr(self, key)
                setattr(self, key, torch.nn.Parameter(value))
        convolutions = [i for i, node in enumerate(self.nodes) if node.type in ("Conv", "ConvTranspose")]
        self.first = convolutions[-HEAD]  # of the probability branch, whose input is the neck
        self.threshold = torch.nn.ParameterDict()
        for node in self.nodes[self.first :]:
            for name in node.inputs:
                key = self.keys.get(name)
                if key is not None and isinstance(getattr(self, key), torch.nn.Parameter):
                    self.threshold[key] = torch.nn.Parameter(copy.deepcopy(getattr(self, key).data))

    def forward(self, image):
        values = {"image": image}
        self.walk(self.nodes[: self.first], values, image.shape[0], {})
        shared = dict(values)
        self.walk(self.nodes[self.first :], values, image.shape[0], {})
        self.walk(self.nodes[self.first :], shared, image.shape[0], self.threshold)
        last = self.nodes[-1].outputs[0]
        return values[last], shared[last]

    def walk(self, nodes, values, batch, other):
        def get(name):
            if name in values:
                return values[name]
            if name in self.integers:
                return self.integers[name]
            key = self.keys[name]
            return other[key] if key in other else getattr(self, key)

        for node in nodes:
            x = [get(n) if n else None for n in node.inputs]
            if node.type == "BatchNormalization":
                result = F.batch_norm(x[0], x[3], x[4], x[1], x[2], True, 0.1, node.attributes["epsilon"])
            else:
                result = self.run(node.type, x, node.attributes, batch)
            for name, value in zip(node.outputs, result if isinstance(result, (list, tuple)) else [result]):
                values[name] = value


def loss(probability, threshold, shrunk, border, mask):
    """DBNet (Liao et al. 2020): the probability map's entropy with three negatives a positive, L1 of the threshold, dice of both."""
    p, t = probability.float().clamp(1e-6, 1 - 1e-6), threshold.float()
    entropy = -(shrunk * p.log() + (1 - shrunk) * (1 - p).log())
    positive = shrunk.sum()
    negatives = torch.topk((entropy * (1 - shrunk)).reshape(-1), int(3 * shrunk.sum().item())).values
    balanced = ((entropy * shrunk).sum() + negatives.sum()) / (4 * positive + 1e-6)
    binary = torch.sigmoid(50 * (p - t))
    dice = 1 - 2 * (binary * shrunk).sum() / (binary.sum() + positive + 1e-6)
    return 5 * balanced + 10 * ((t - border).abs() * mask).sum() / (mask.sum() + 1e-6) + dice


def targets(batch, height, width, device):
    shrunk = torch.zeros(batch, 1, height, width, device=device)
    border = torch.full_like(shrunk, 0.3)
    mask = torch.zeros_like(shrunk)
    for i in range(8):
        y, x = 20 + i * height // 9, 30 + 37 * i % (width // 2)
        mask[:, :, y - 8 : y + 38, x - 8 : x + 168] = 1
        border[:, :, y - 4 : y + 34, x - 4 : x + 164] = 0.7
        shrunk[:, :, y : y + 30, x : x + 160] = 1
    return shrunk, border, mask


def measure(network, image, wanted, kind, steps=10):
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)
    times = []
    for _ in range(steps + 3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=kind or torch.bfloat16, enabled=kind is not None):
            maps = network(image)
        loss(*maps, *wanted).backward()
        optimizer.step()
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return sorted(times[3:])[steps // 2]


def main(path, out, batch="16"):
    torch.backends.cudnn.benchmark = True
    height, width = input_size(path)
    pictures = int(batch)
    with open(out, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["precision", "mode", "pictures", "height", "width", "milliseconds", "pictures_per_second", "device", "torch"])
        for precision, tf32, kind in PRECISIONS:
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
            for mode in ["eager", "compile"]:
                torch._dynamo.reset()
                try:
                    network = Trained(path).to("cuda", memory_format=torch.channels_last).train()
                    image = formula_picture(height, width).repeat(pictures, 1, 1, 1).to("cuda", memory_format=torch.channels_last)
                    wanted = targets(pictures, height, width, "cuda")
                    ms = measure(network if mode == "eager" else torch.compile(network), image, wanted, kind)
                except Exception as error:  # a compiler that fails, or too little memory, is a row without a time
                    print(precision, mode, repr(error)[:300], file=sys.stderr)
                    continue
                writer.writerow([precision, mode, pictures, height, width, f"{ms:.2f}", f"{1e3 * pictures / ms:.2f}",
                                 torch.cuda.get_device_name(), torch.__version__])
                file.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The whole network in PyTorch, from its ONNX export, with the same weights: the peer of `Tcm.Bench -- network` (.ci/gpu).

usage: tcm export formula NETWORK.onnx --size 640x640
       python3 torch_network.py NETWORK.onnx OUT.csv [MAPS.bin]

Eager and torch.compile (plain, and with CUDA graphs), channels_last, in FP32, TF32 and FP16, one and eight pictures. MAPS.bin is what `network --maps` wrote for
the same size: every row has the largest difference to it, as a share of its range. Needs PyTorch only; the file is read here.
"""

import csv
import struct
import sys

import torch
import torch.nn.functional as F

PRECISIONS = [("Fp32", torch.float32, False), ("Tf32", torch.float32, True), ("Fp16", torch.float16, False)]


def fields(data):
    """(number, value) of a protocol-buffer message: integers, 4-byte fields and byte strings."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value - (1 << 64) if value >> 63 else value
            shift += 7

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 5:
            at += 4
            yield key >> 3, data[at - 4 : at]
        elif key & 7 == 2:
            length = varint()
            at += length
            yield key >> 3, data[at - length : at]
        else:
            raise ValueError(f"wire type {key & 7}")


def text(value):
    return bytes(value).decode()


def attribute(data):
    name, value, many = "", None, []
    for number, item in fields(data):
        if number == 1:
            name = text(item)
        elif number == 2:
            value = struct.unpack("<f", item)[0]
        elif number == 3:
            value = item
        elif number == 4:
            value = text(item)
        elif number == 8:
            many.append(item)
    return name, many if many else value


class Node:
    def __init__(self, data):
        self.inputs, self.outputs, self.type, self.attributes = [], [], "", {}
        for number, item in fields(data):
            if number == 1:
                self.inputs.append(text(item))
            elif number == 2:
                self.outputs.append(text(item))
            elif number == 4:
                self.type = text(item)
            elif number == 5:
                name, value = attribute(item)
                self.attributes[name] = value


def constant(data):
    """Name, and a tensor of floats or a list of integers."""
    shape, kind, name, raw = [], 0, "", b""
    for number, item in fields(data):
        if number == 1:
            shape.append(item)
        elif number == 2:
            kind = item
        elif number == 8:
            name = text(item)
        elif number == 9:
            raw = item
    if kind == 7:
        return name, list(struct.unpack(f"<{len(raw) // 8}q", raw))
    assert kind == 1, f"{name} has data type {kind}"
    return name, torch.frombuffer(bytearray(raw), dtype=torch.float32).reshape(shape)


class Network(torch.nn.Module):
    """Runs a graph node by node; the export has one picture, and the sizes in it follow those of the input."""

    def __init__(self, path):
        super().__init__()
        with open(path, "rb") as file:
            data = memoryview(file.read())
        graph = next(item for number, item in fields(data) if number == 7)
        self.nodes, self.integers, self.keys = [], {}, {}
        for number, item in fields(graph):
            if number == 1:
                self.nodes.append(Node(item))
            elif number == 5:
                name, value = constant(item)
                if isinstance(value, list):
                    self.integers[name] = value
                else:
                    self.keys[name] = f"c{len(self.keys)}"
                    self.register_buffer(self.keys[name], value)

    def forward(self, image):
        batch = image.shape[0]
        values = {"image": image}

        def get(name):
            if name in values:
                return values[name]
            return self.integers[name] if name in self.integers else getattr(self, self.keys[name])

        for node in self.nodes:
            results = self.run(node.type, [get(n) if n else None for n in node.inputs], node.attributes, batch)
            for name, value in zip(node.outputs, results if isinstance(results, (list, tuple)) else [results]):
                values[name] = value
        return values[self.nodes[-1].outputs[0]]

    @staticmethod
    def run(kind, x, a, batch):
        if kind == "Conv":
            return F.conv2d(x[0], x[1], x[2], stride=a["strides"][0], padding=a["pads"][0], groups=a["group"])
        if kind == "ConvTranspose":
            return F.conv_transpose2d(x[0], x[1], x[2], stride=a["strides"][0])
        if kind == "BatchNormalization":
            return F.batch_norm(x[0], x[3], x[4], x[1], x[2], False, 0.0, a["epsilon"])
        if kind == "LayerNormalization":
            return F.layer_norm(x[0], x[1].shape, x[1], x[2], a["epsilon"])
        if kind == "AveragePool":
            return F.avg_pool2d(x[0], a["kernel_shape"][0], a["strides"][0])
        if kind == "GlobalAveragePool":
            return x[0].mean((2, 3), keepdim=True)
        if kind == "Softmax":
            return torch.softmax(x[0], a["axis"])
        if kind == "Concat":
            same = [v.expand(batch, *v.shape[1:]) if v.shape[0] == 1 else v for v in x]
            return torch.cat(same, a["axis"])
        if kind == "Reshape":
            shape = [x[0].shape[i] if size == 0 else size for i, size in enumerate(x[1])]
            known = 1
            for size in shape:
                known *= size
            if shape[0] == 1 and known > 0 and x[0].numel() == batch * known:
                shape[0] = batch
            elif shape[0] == 1 and known < 0 and x[0].shape[0] == batch:
                shape[0] = batch
            return x[0].reshape(shape)
        if kind == "Resize":
            size = x[3][2:]
            if a["mode"] == "nearest":
                return F.interpolate(x[0], size=size, mode="nearest")
            return F.interpolate(x[0], size=size, mode="bilinear", align_corners=False)
        if kind == "Slice":
            start, end = x[1][0], x[2][0]
            return x[0][:, start : min(end, x[0].shape[1])]
        if kind == "Split":
            return torch.split(x[0], x[1], a["axis"])
        if kind == "Unsqueeze":
            result = x[0]
            for axis in x[1]:
                result = result.unsqueeze(axis)
            return result
        if kind == "Expand":
            return x[0].expand(x[1])
        if kind == "ReduceL2":
            return x[0].norm(dim=a["axes"][0], keepdim=True)
        simple = {
            "Add": lambda: x[0] + x[1], "Sub": lambda: x[0] - x[1], "Mul": lambda: x[0] * x[1], "Div": lambda: x[0] / x[1],
            "MatMul": lambda: x[0] @ x[1], "Max": lambda: torch.maximum(x[0], x[1]), "Relu": lambda: F.relu(x[0]),
            "Sigmoid": lambda: torch.sigmoid(x[0]), "Erf": lambda: torch.erf(x[0]), "Exp": lambda: torch.exp(x[0]),
            "Identity": lambda: x[0], "Flatten": lambda: x[0].flatten(1), "Transpose": lambda: x[0].permute(a["perm"]),
        }
        return simple[kind]()


def formula_picture(height, width):
    """FormulaPicture.cs, to the bit."""
    y = torch.arange(height).reshape(1, -1, 1)
    x = torch.arange(width).reshape(1, 1, -1)
    c = torch.arange(3).reshape(-1, 1, 1)
    p = (3 * x + 5 * y + 61 * c + 37 * (x // 32) * (y // 32) + 3 * (x * y // 64)) % 256
    return ((p.float() - 127.5) / 64).unsqueeze(0)


def milliseconds(run, repeats=30):
    for _ in range(10):
        run()
    torch.cuda.synchronize()
    times = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return sorted(times)[len(times) // 2]


def input_size(path):
    """Rows and columns that the file was exported for."""
    with open(path, "rb") as file:
        graph = next(item for number, item in fields(memoryview(file.read())) if number == 7)
    value = next(item for number, item in fields(graph) if number == 11)
    kind = next(item for number, item in fields(value) if number == 2)
    tensor = next(item for number, item in fields(kind) if number == 1)
    shape = next(item for number, item in fields(tensor) if number == 2)
    sizes = [next(v for n, v in fields(d) if n == 1) for number, d in fields(shape) if number == 1]
    return sizes[2], sizes[3]


@torch.no_grad()
def main(path, out, maps=None):
    torch.backends.cudnn.benchmark = True
    height, width = input_size(path)
    expected = None
    if maps:
        with open(maps, "rb") as file:
            expected = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
    with open(out, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["precision", "mode", "pictures", "height", "width", "milliseconds", "pictures_per_second", "difference",
                         "device", "torch"])
        for precision, kind, tf32 in PRECISIONS:
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
            network = Network(path).to("cuda", kind).eval()
            for name, buffer in list(network.named_buffers()):
                if buffer.dim() == 4:
                    setattr(network, name, buffer.contiguous(memory_format=torch.channels_last))
            # reduce-overhead replays CUDA graphs.
            for mode in ["eager", "default", "reduce-overhead"]:
                torch._dynamo.reset()
                run = network if mode == "eager" else torch.compile(network, mode=mode)
                for pictures in [1, 8]:
                    image = formula_picture(height, width).repeat(pictures, 1, 1, 1).to("cuda", kind)
                    image = image.contiguous(memory_format=torch.channels_last)
                    try:
                        result = run(image)[0].float().cpu().reshape(-1)
                        ms = milliseconds(lambda: run(image))
                    except Exception as error:  # a compiler that fails is a row without a time
                        print(precision, mode, pictures, repr(error)[:300], file=sys.stderr)
                        continue
                    difference = "" if expected is None else \
                        f"{((result - expected).abs().max() / (expected.max() - expected.min())).item():.2e}"
                    writer.writerow([precision, mode, pictures, height, width, f"{ms:.4f}", f"{1e3 * pictures / ms:.1f}", difference,
                                     torch.cuda.get_device_name(), torch.__version__])
                    file.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

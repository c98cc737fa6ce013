using SkiaSharp;
using Tcm.Bench.Fuzzing;
using Tcm.Detect.Models;
using Tcm.Tests.Checkpoints;
using Tcm.Tests.Cli;

namespace Tcm.Tests.Docs;

/// <summary>
/// What the commands of the documentation are run on: small files that stand for the names in the pages. A name that is not in
/// the table, and is not the place of an output, fails its test: add it here when a page needs another.
/// </summary>
public sealed class DocSandbox : IDisposable
{
    private static readonly TcmConfig Tiny = ConfigVariationTests.Variations["tiny"];

    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-docs-").FullName;
    private readonly Dictionary<string, string> _inputs = [];
    private readonly HashSet<string> _ran = [];

    public DocSandbox()
    {
        string picture = Pictures.Asset("sample.png"), photos = Folder("photos");
        File.Copy(picture, Path.Combine(photos, "img_1.png"));
        string photo = Path.Combine(_folder, "photo.jpg"), labels = Folder("gts"), shop = Folder("shop");
        using (var bitmap = SKBitmap.Decode(picture))
        using (var data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90))
        {
            File.WriteAllBytes(photo, data.ToArray());
        }
        File.WriteAllText(Path.Combine(labels, "gt_img_1.txt"), "92,94,545,94,545,140,92,140,HARBOUR ROAD\n");
        File.WriteAllText(Path.Combine(shop, "labels.jsonl"),
            """{"image":"img_1.png","texts":[{"polygon":[[92,94],[545,94],[545,140],[92,140]],"text":"HARBOUR ROAD"}]}""" + "\n");
        string recipe = Recipe(photos, labels);

        _inputs["Tcm.Tests/Assets/sample.png"] = picture;
        _inputs["photo.jpg"] = photo;
        _inputs["photos/img_1.png"] = picture;
        foreach (string name in (string[])["photos", "photos/", "/pictures", "shop/photos", "/usr/share/backgrounds"])
        {
            _inputs[name] = photos;
        }
        _inputs["gts"] = labels;
        _inputs["shop/labels.jsonl"] = Path.Combine(shop, "labels.jsonl");
        foreach (string name in (string[])["recipes/tcm-db-s-cpu.json", "recipes/shop.json"])
        {
            _inputs[name] = recipe;
        }
        _inputs["epoch_1200.pth"] = PyTorchFiles.Checkpoint(Path.Combine(_folder, "epoch_1200.pth"), Tiny);
        _inputs["RN50.pt"] = PyTorchFiles.Clip(Path.Combine(_folder, "RN50.pt"), Tiny);
        _inputs["tcm-db-s.safetensors"] = _inputs["weights/tcm-db-s.safetensors"] = Tcm.Detect.ShippedModel.Find()!;
        string weights = Path.Combine(_folder, "tiny.safetensors");
        CheckpointConverter.Convert(_inputs["epoch_1200.pth"], weights, new ConversionOptions());
        foreach (string name in (string[])["tcm-db.safetensors", "runs/s/model.safetensors", "runs/shop/best.safetensors"])
        {
            _inputs[name] = weights;
        }
    }

    /// <summary>The made file for a name in a page.</summary>
    public string Input(string name) => _inputs.TryGetValue(name, out string? path) ? path
        : throw new Xunit.Sdk.XunitException($"'{name}': no file stands for this name; add it to {nameof(DocSandbox)}");

    /// <summary>Whether this command line is asked for the first time: benchmarks that differ in sizes alone are one in their quick mode.</summary>
    public bool IsNew(string line) => _ran.Add(line);

    /// <summary>A place for an output; the folders above it exist.</summary>
    public string Output(string name)
    {
        string path = Path.Combine(_folder, "made", name.TrimStart('/'));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    /// <summary>A copy of docs/, for what rewrites pages.</summary>
    public string CopyOfDocs()
    {
        string source = Path.Combine(Support.SharedData.RepositoryRoot, "docs"), copy = Output("docs");
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            string to = Path.Combine(copy, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to, overwrite: true);
        }
        return copy;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Folder(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;

    /// <summary>Two steps of a tiny model.</summary>
    private string Recipe(string photos, string labels)
    {
        string path = Path.Combine(_folder, "recipe.json");
        File.WriteAllText(path, $$"""
            {
              "name": "docs",
              "model": { "backboneWidth": 8, "backboneBlocks": [1, 1, 1, 1], "jointWidth": 32, "positionGrid": 2, "textWidth": 16,
                "textHeads": 2, "textLayers": 1, "languagePrompt": false, "decoderWidth": 16, "decoderHeads": 2, "decoderLayers": 1,
                "neckWidth": 16, "headWidth": 8,
                "storedTokenIds": [49406, 518, 34099, 539, 1346, 22702, 856, 268, 6448, 4160, 1264, 3515, 269, 49407] },
              "data": [{ "dataset": "icdar2015", "images": "{{Path.GetFileName(photos)}}", "labels": "{{Path.GetFileName(labels)}}" }],
              "augmentation": { "side": 64, "crop": "window", "scale": [0.8, 1.2] },
              "batch": 2, "steps": 2, "checkpointEvery": 2,
              "optimizer": { "name": "adamw", "rate": 0.001, "rateFactors": {} }
            }
            """);
        return path;
    }
}

/// <summary>PyTorch archives of models with weights from a formula.</summary>
internal static class PyTorchFiles
{
    /// <summary>As mmcv saves a checkpoint: a dictionary whose "state_dict" holds the tensors.</summary>
    public static string Checkpoint(string path, TcmConfig config) => Write(path, config, name => name);

    /// <summary>The parts that CLIP has, under CLIP's names.</summary>
    public static string Clip(string path, TcmConfig config) => Write(path, config, ClipName);

    /// <summary>What CLIP calls a tensor of the model; null for those that CLIP does not have.</summary>
    public static string? ClipName(string name) =>
        name.StartsWith("backbone.", StringComparison.Ordinal) ? "visual." + name["backbone.".Length..]
        : name.StartsWith("text_encoder.", StringComparison.Ordinal) ? name["text_encoder.".Length..] : null;

    private static string Write(string path, TcmConfig config, Func<string, string?> rename)
    {
        using var weights = new FormulaWeights(config);
        var pickle = new PickleWriter().Op(0x80, 2, (byte)'}').Text("state_dict").Op((byte)'}', (byte)'(');
        var storages = new List<(string, byte[])>();
        foreach (var tensor in weights.Tensors)
        {
            if (rename(tensor.Name) is not { } name)
            {
                continue;
            }
            int[] sizes = [.. tensor.Shape], strides = new int[sizes.Length];
            for (int i = sizes.Length - 1, step = 1; i >= 0; step *= sizes[i--])
            {
                strides[i] = step;
            }
            string key = $"{storages.Count}";
            pickle.Text(name).Tensor(0, sizes, strides, (int)tensor.Length, key);
            storages.Add((key, System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(weights.Read(tensor.Name)).ToArray()));
        }
        File.WriteAllBytes(path, WeightFiles.Archive(pickle.Op((byte)'u', (byte)'s', (byte)'.').ToArray(), storages: [.. storages]));
        return path;
    }
}

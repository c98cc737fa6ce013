using System.Diagnostics;
using System.Reflection;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.HalfImages;
using Tcm.Kernels.MatrixProduct;
using Tcm.Tests.Gpu.Ptx;

namespace Tcm.Tests.Gpu;

/// <summary>Compiles every kernel to PTX, without a driver, as <see cref="KernelCache"/> does on a GPU.</summary>
public sealed class KernelCompilationTests
{
    [Fact]
    public void Every_kernel_compiles_and_is_sound()
    {
        var texts = Compile();
        Assert.Equal(KernelCatalog.All.Count, texts.Count);
        var findings = from text in texts
                       from finding in PtxLint.Check(text.Value)
                       select $"{text.Key}: {finding}";
        Assert.Empty(findings);
        Assert.All(texts.Values, text => Assert.Matches(@"\.target sm_\d\d", text));
    }

    [Fact]
    public void Tiled_products_multiply_out_of_registers()
    {
        foreach (var (kernel, ptx) in Compile().Where(t => t.Key.Method.DeclaringType == typeof(GemmKernels)))
        {
            // 16 steps of 4x4 in one; 4 of 16 steps of 8x8 in the other. mul and add without .rn: ptxas fuses them.
            bool large = kernel.Method.Name == nameof(GemmKernels.Tile128);
            Assert.True(PtxLint.Count(ptx, "mul.f32") >= 256, $"{kernel}: {PtxLint.Count(ptx, "mul.f32")} products");
            Assert.True(PtxLint.Count(ptx, "add.f32") >= 256, $"{kernel}: {PtxLint.Count(ptx, "add.f32")} sums");
            Assert.Equal(large ? 16 : 32, PtxLint.Count(ptx, "ld.shared.v4.f32"));
            Assert.Equal(PtxLint.Count(ptx, "ld.shared.v4.f32"), PtxLint.Count(ptx, "ld.shared"));
            Assert.True(PtxLint.Count(ptx, "ld.global.v4.f32") >= 2, $"{kernel}: no 128-bit loads");
            Assert.True(PtxLint.Count(ptx, "st.global.v4.f32") + PtxLint.Count(ptx, "st.global.v2.f32") >= 4,
                $"{kernel}: no wide stores");
            Assert.Equal(1, PtxLint.Count(ptx, "bar.sync"));
            AssertTypedAccess(kernel, ptx);
        }
    }

    [Fact]
    public void Products_on_tensor_cores_are_made_of_their_instructions()
    {
        var tensor = Compile().Where(t => t.Key.Method.DeclaringType == typeof(TensorGemmKernels)).ToList();
        // Eight uses in three formats, and seven of training in two.
        Assert.Equal(8 * 3 * TensorTiles.Sizes.Count + 7 * 2 * TensorTiles.Square.Count, tensor.Count);
        foreach (var (kernel, ptx) in tensor)
        {
            var types = kernel.Method.GetGenericArguments();
            bool tall = types[1] == typeof(Tile128x128), tf32 = types[0] == typeof(Tf32Core);
            string format = tf32 ? "tf32" : types[0] == typeof(Fp16Core) ? "f16" : "bf16";
            string multiply = $"mma.sync.aligned.m16n8k{(tf32 ? 8 : 16)}.row.col.f32.{format}.{format}.f32";
            // Two steps of 32 bytes along k; a fragment of A serves four multiplications, one of B two or four.
            Check(tall ? 32 : 16, multiply);
            Check(tall ? 32 : 16, "mma.sync");
            Check(tall ? 12 : 8, "ldmatrix.sync.aligned.m8n8.x4.shared.b16");
            // Chunks of packed and of FP32 operands that a thread brings at each step.
            int slotsA = types[1] == typeof(Tile64x128) ? 1 : 2;
            int packed = (IsPacked(types[2]) ? slotsA : 0) + (IsPacked(types[3]) ? 2 : 0);
            int raw = slotsA + 2 - packed;
            Check(3 * packed, "cp.async.cg.shared.global");
            Check(packed > 0 ? 3 : 0, "cp.async.commit_group");
            Check(packed > 0 ? 1 : 0, "cp.async.wait_group");
            Check(4 * raw, tf32 ? "cvt.rna.tf32.f32" : $"cvt.rn.{format}x2.f32");
            Check(raw, "st.shared.v4");
            Check(tall ? 32 : 16, "st.shared.v2.f32");
            Check(raw + (tall ? 32 : 16), "st.shared");
            Check(4, "ld.shared.v4.f32");
            Check(4, "ld.shared");
            Check(3, "bar.sync");
            int tile = TensorTiles.Sizes.ToList().FindIndex(s => types[1].Name == $"Tile{s.M}x{s.N}");
            var (m, n) = TensorTiles.Sizes[tile];
            Assert.Equal(TensorGemmKernels.Stages * 64 * (m + n), PtxLint.SharedBytes(ptx));
            // The address that inline PTX takes is that of the kernel's only array.
            Assert.Contains("[" + TensorGemmKernels.Stages * 64 * (m + n) + "]",
                ptx.Split('\n').Single(line => line.Contains(".shared .align", StringComparison.Ordinal)
                    && line.Contains("__shared_alloca0", StringComparison.Ordinal)), StringComparison.Ordinal);
            AssertTypedAccess(kernel, ptx);

            void Check(int expected, string instruction) => Assert.True(expected == PtxLint.Count(ptx, instruction),
                $"{kernel}: {PtxLint.Count(ptx, instruction)} {instruction}, expected {expected}");
        }
    }

    [Fact]
    public void Products_of_half_images_never_pass_registers()
    {
        var half = Compile().Where(t => t.Key.Method.Name == nameof(HalfGemmKernels.Layer)
            && t.Key.Method.DeclaringType == typeof(HalfGemmKernels)).ToList();
        Assert.Equal(5 * 3, half.Count);
        foreach (var (kernel, ptx) in half)
        {
            var tile = kernel.Method.GetGenericArguments()[1];
            int m = tile == typeof(HalfTile64x64) ? 64 : 128, n = tile == typeof(HalfTile128x128) ? 128 : 64;
            // Two steps of 16 values of k: fragments of 16x8 of the warp's part, and what they are loaded by.
            int warpM = m / 2, warpN = n / 2;
            Check(2 * (warpM / 16) * (warpN / 8), "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32");
            Check(2 * (warpM + warpN) / 16, "ldmatrix.sync.aligned.m8n8.x4.shared.b16");
            Check(3 * (m + n) / 32, "cp.async.cg.shared.global");
            Check(3, "cp.async.commit_group");
            Check(1, "cp.async.wait_group");
            Check(1, "cp.async.wait_all");
            Check(3, "bar.sync");
            // Shared memory is written by copies, and by the sums at the end.
            Check(warpM * warpN / 64, "st.shared.v2.f32");
            Check(warpM * warpN / 64, "st.shared");
            Check(2, "ld.shared.v4.f32");
            Assert.Equal(3 * 64 * (m + n), PtxLint.SharedBytes(ptx));
            AssertTypedAccess(kernel, ptx);

            void Check(int expected, string instruction) => Assert.True(expected == PtxLint.Count(ptx, instruction),
                $"{kernel}: {PtxLint.Count(ptx, instruction)} {instruction}, expected {expected}");
        }
    }

    [Fact]
    public void Halves_are_converted_by_the_instructions_for_it()
    {
        Type[] classes = [typeof(HalfImageKernels), typeof(HalfElementwiseKernels), typeof(HalfRowKernels)];
        string[] floats = [nameof(HalfImageKernels.ToPlanes), nameof(HalfRowKernels.Cosine), nameof(HalfRowKernels.CosineNaive)];
        foreach (var (kernel, ptx) in Compile().Where(t => classes.Contains(t.Key.Method.DeclaringType)
            && t.Key.Method.Name != nameof(HalfImageKernels.Concat)))
        {
            string name = kernel.Method.Name;
            Assert.True(floats.Contains(name) || PtxLint.Count(ptx, "cvt.rn.f16x2.f32") >= 4,
                $"{kernel} rounds otherwise");
            bool reads = name is not (nameof(HalfImageKernels.FromPlanes) or nameof(HalfImageKernels.NormalizePad));
            Assert.True(!reads || PtxLint.Count(ptx, "cvt.f32.f16") >= 8, $"{kernel} widens otherwise");
            int wide = PtxLint.Count(ptx, "ld.global.v4") + PtxLint.Count(ptx, "st.global.v4");
            Assert.True(wide >= 1, $"{kernel}: no 128-bit access");
            AssertTypedAccess(kernel, ptx);
            // The emulation of rounding is behind branches that are always taken, which ptxas removes with it.
            int emulated = ptx.Split("1199566848").Length - 1;
            Assert.True(2 * PtxLint.Count(ptx, "mov.pred") >= emulated, $"{kernel} emulates rounding");
        }
    }

    [Theory]
    [InlineData(nameof(Tf32Core), 8, 4)]
    [InlineData(nameof(Fp16Core), 4, 2)]
    [InlineData(nameof(Bf16Core), 4, 2)]
    public void Attention_on_tensor_cores_keeps_scores_in_registers(string core, int widthSteps, int keySteps)
    {
        var (kernel, ptx) = Compile().Single(t => t.Key.Method.DeclaringType == typeof(TensorAttentionKernels)
            && t.Key.Method.GetGenericArguments()[0].Name == core);
        // The loop over the width stays one; that over 32 keys is written out, eight fragments of the result each.
        Assert.Equal(4 + 8 * keySteps, PtxLint.Count(ptx, "mma.sync"));
        Assert.Equal(3 + 4 * keySteps, PtxLint.Count(ptx, "ldmatrix.sync.aligned.m8n8.x4.shared.b16"));
        Assert.Equal(2 * keySteps, widthSteps);
        Assert.Equal(2, PtxLint.Count(ptx, "bar.sync"));
        Assert.Equal(8, PtxLint.Count(ptx, "shfl.sync.bfly.b32"));
        // Rounded queries, keys and values go in by 128 bits; nothing is read back but by ldmatrix.
        Assert.Equal(3, PtxLint.Count(ptx, "st.shared"));
        Assert.Equal(0, PtxLint.Count(ptx, "ld.shared"));
        AssertTypedAccess(kernel, ptx);
    }

    [Fact]
    public void Attention_in_half_precision_never_passes_registers()
    {
        var (kernel, ptx) = Compile().Single(t => t.Key.Method.Name == nameof(HalfAttentionKernels.FlashHalf));
        // 64 channels of 32 keys: four steps to scores, two steps over keys to eight fragments of the result.
        Assert.Equal(4 * 4 + 2 * 8, PtxLint.Count(ptx, "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"));
        // Queries once; keys as they lie, values turned.
        Assert.Equal(4 + 4 * 2, PtxLint.Count(ptx, "ldmatrix.sync.aligned.m8n8.x4.shared.b16"));
        Assert.Equal(2 * 4, PtxLint.Count(ptx, "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16"));
        Assert.True(PtxLint.Count(ptx, "cp.async.cg.shared.global") >= 5, $"{kernel}: factors are not copied");
        Assert.Equal(0, PtxLint.Count(ptx, "ld.global"));
        Assert.Equal(8, PtxLint.Count(ptx, "shfl.sync.bfly.b32"));
        Assert.Equal(3, PtxLint.Count(ptx, "bar.sync"));
        // Weights and the result, rounded by the instruction for it.
        Assert.Equal(8 + 16, PtxLint.Count(ptx, "cvt.rn.f16x2.f32"));
        Assert.DoesNotContain("1199566848", ptx, StringComparison.Ordinal);
        // The result: pairs to shared memory, chunks from there.
        Assert.Equal(16, PtxLint.Count(ptx, "st.shared"));
        Assert.Equal(PtxLint.Count(ptx, "st.global.v4"), PtxLint.Count(ptx, "st.global"));
        Assert.Equal(PtxLint.Count(ptx, "ld.shared.v4"), PtxLint.Count(ptx, "ld.shared"));
        Assert.Equal(24 * 1024, PtxLint.SharedBytes(ptx));
        AssertTypedAccess(kernel, ptx);
    }

    private static bool IsPacked(Type operand) => (bool)operand.GetProperty(nameof(ITensorOperand.Packed))!.GetValue(null)!;

    [Fact]
    public void Attention_keeps_scores_in_shared_memory()
    {
        foreach (var (kernel, ptx) in Compile().Where(t => t.Key.Method.Name == "Flash"))
        {
            Assert.True(PtxLint.Count(ptx, "ld.shared.v4.f32") >= 18, $"{kernel}: no 128-bit loads");
            Assert.True(PtxLint.Count(ptx, "ld.global.v4.f32") >= 3, $"{kernel}: no 128-bit loads");
            Assert.Equal(5, PtxLint.Count(ptx, "bar.sync"));
            AssertTypedAccess(kernel, ptx);
        }
    }

    [Theory]
    [InlineData(nameof(AttentionGradientKernels.FlashQuery), 8)]
    [InlineData(nameof(AttentionGradientKernels.FlashKeyValue), 3)]
    public void Attention_gradients_keep_scores_in_shared_memory(string method, int barriers)
    {
        var (kernel, ptx) = Compile().Single(t => t.Key.Method.Name == method);
        Assert.True(PtxLint.Count(ptx, "ld.shared.v4.f32") >= 24, $"{kernel}: no 128-bit loads");
        Assert.True(PtxLint.Count(ptx, "ld.global.v4.f32") >= 4, $"{kernel}: no 128-bit loads");
        Assert.Equal(barriers, PtxLint.Count(ptx, "bar.sync"));
        AssertTypedAccess(kernel, ptx);
    }

    [Fact]
    public void Text_does_not_depend_on_what_was_compiled_before()
    {
        var kernel = KernelCatalog.All.First(k => k.Method.Name == "Flash");
        Assert.Equal(Compile()[kernel], PtxTexts.Compile(PtxTexts.NewBackend(90), kernel));
    }

    /// <summary>
    /// What ILGPU writes is the same for every GPU that has the instructions, so that all but this test compile for one. Both in
    /// contexts of their own: which of independent instructions comes first can depend on what a context has compiled before.
    /// </summary>
    [Fact]
    public void Text_does_not_depend_on_the_architecture()
    {
        var (older, newer) = (PtxTexts.NewBackend(80), PtxTexts.NewBackend(90));
        Type[] classes = [typeof(GemmKernels), typeof(TensorGemmKernels), typeof(HalfGemmKernels), typeof(TensorAttentionKernels),
            typeof(HalfImageKernels), typeof(AttentionGradientKernels)];
        foreach (var kernel in KernelCatalog.All.Where(k => classes.Contains(k.Method.DeclaringType)).DistinctBy(k => k.Method.DeclaringType))
        {
            Assert.Equal(PtxTexts.Compile(newer, kernel), PtxTexts.Compile(older, kernel));
        }
    }

    [Fact]
    public void Hot_kernels_do_not_spill()
    {
        string? ptxas = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, "ptxas")).FirstOrDefault(File.Exists);
        Assert.SkipWhen(ptxas is null, "ptxas is not on the PATH");
        foreach (var (kernel, ptx) in Compile().Where(t => t.Key.Method.Name is "Tile64" or "Tile128" or "Flash" or "FlashQuery"
            or "FlashKeyValue" or "FlashTensor" or "FlashHalf" || t.Key.Method.DeclaringType == typeof(HalfGemmKernels)
            || t.Key.Method.DeclaringType == typeof(TensorGemmKernels)))
        {
            Assert.Contains(" 0 bytes spill stores, 0 bytes spill loads", Assemble(ptxas!, ptx), StringComparison.Ordinal);
            Assert.NotNull(kernel);
        }
    }

    /// <summary>A kernel is a public static method with one argument, a struct, in a class named ...Kernels.</summary>
    [Fact]
    public void Every_kernel_method_is_in_the_catalog()
    {
        var listed = KernelCatalog.All.Select(k => Definition(k.Method)).ToHashSet();
        var methods = KernelClasses().SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Static))
            .Where(m => m.ReturnType == typeof(void) && m.GetParameters() is [{ ParameterType: var p }]
                && (p.IsValueType || p.IsGenericType)).ToList();
        Assert.True(methods.Count >= 25, $"found {methods.Count} kernel methods");
        Assert.Empty(methods.Where(m => !listed.Contains(Definition(m))).Select(m => $"{m.DeclaringType!.Name}.{m.Name}"));
    }

    [Fact]
    public void Every_kernel_object_is_in_the_catalog()
    {
        var objects = KernelClasses().SelectMany(t => t.GetProperties(BindingFlags.Public | BindingFlags.Static))
            .Where(p => p.Name != "All").SelectMany(p => Kernels(p.GetValue(null)!)).ToList();
        Assert.Equal(KernelCatalog.All.Count, objects.Count);
        Assert.Empty(objects.Except(KernelCatalog.All).Select(k => k.Name));
        Assert.Equal(KernelCatalog.All.Count, KernelCatalog.All.Select(k => k.Name).Distinct().Count());
    }

    private static void AssertTypedAccess(GpuKernel kernel, string ptx)
    {
        int generic = PtxLint.Count(ptx, "ld.f32") + PtxLint.Count(ptx, "st.f32") + PtxLint.Count(ptx, "ld.v4.f32");
        Assert.True(generic == 0, $"{kernel}: {generic} accesses through generic addresses");
    }

    private static IEnumerable<Type> KernelClasses() => typeof(GpuBackend).Assembly.GetTypes()
        .Where(t => t.IsClass && t.IsAbstract && t.IsSealed && t.Name.EndsWith("Kernels", StringComparison.Ordinal));

    private static MethodInfo Definition(MethodInfo method) =>
        method.IsGenericMethod ? method.GetGenericMethodDefinition() : method;

    /// <summary>A kernel, an array or family of kernels, or a pair of versions.</summary>
    private static IEnumerable<GpuKernel> Kernels(object value) => value switch
    {
        GpuKernel kernel => [kernel],
        IEnumerable<GpuKernel> kernels => kernels,
        _ => value.GetType().GetProperties().Where(p => p.Name is "Kernels" or "Scalar" or "Vector")
            .SelectMany(p => Kernels(p.GetValue(value)!)),
    };

    private static Dictionary<GpuKernel, string> Compile() => KernelCatalog.All.ToDictionary(k => k, PtxTexts.Of);

    private static string Assemble(string ptxas, string ptx)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, ptx);
            using var process = Process.Start(new ProcessStartInfo(ptxas, ["-arch=sm_90", "-v", "-o", "/dev/null", file])
            {
                RedirectStandardError = true,
            })!;
            string output = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, output);
            return output;
        }
        finally
        {
            File.Delete(file);
        }
    }
}

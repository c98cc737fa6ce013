using System.Reflection;
using ILGPU.Runtime;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// One kernel with all its generic arguments fixed: what the cache compiles, the catalogue lists and the tests lint. Every
/// kernel takes one blittable struct and is launched in explicit groups of a fixed size.
/// </summary>
internal abstract class GpuKernel(MethodInfo method, int groupSize, int minGroups)
{
    /// <summary>The static method that ILGPU compiles.</summary>
    public MethodInfo Method { get; } = method;

    /// <summary>Threads of a group.</summary>
    public int GroupSize { get; } = groupSize;

    /// <summary>Groups that shall fit one multiprocessor at once; caps the registers of a thread on CUDA.</summary>
    public int MinGroups { get; } = minGroups;

    /// <summary>The method and the short names of its generic arguments.</summary>
    public string Name { get; } = method.DeclaringType!.Name + "." + method.Name + (method.IsGenericMethod
        ? "<" + string.Join(",", method.GetGenericArguments().Select(ShortName)) + ">" : "");

    public KernelSpecialization Specialization => new(GroupSize, MinGroups);

    public override string ToString() => Name;

    private static string ShortName(Type type) => type.IsGenericType
        ? type.Name.Split('`')[0] + "<" + string.Join(",", type.GetGenericArguments().Select(ShortName)) + ">"
        : type.Name;
}

/// <summary>A kernel whose arguments are a <typeparamref name="TArgs"/>.</summary>
internal sealed class GpuKernel<TArgs>(Action<TArgs> body, int groupSize = GpuKernel<TArgs>.DefaultGroupSize, int minGroups = 1)
    : GpuKernel(body.Method, groupSize, minGroups)
    where TArgs : struct
{
    public const int DefaultGroupSize = 256;

    public Action<TArgs> Body { get; } = body;
}

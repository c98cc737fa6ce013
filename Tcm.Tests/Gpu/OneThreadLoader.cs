using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using Tcm.Kernels.Gpu;

namespace Tcm.Tests.Gpu;

/// <summary>
/// Runs a kernel without barriers as a loop over its groups and their threads. ILGPU's simulator has one OS thread for each
/// thread of a group, which all wait for each other after every group: a hundred times slower, and without a barrier to wait at
/// for nothing. What a kernel asks for (its indices and dimensions) ILGPU keeps in thread statics without a public way to set them.
/// </summary>
internal sealed class OneThreadLoader : IKernelLoader
{
    /// <inheritdoc/>
    public Action<AcceleratorStream, KernelConfig, TArgs>? Load<TArgs>(GpuKernel<TArgs> kernel) where TArgs : struct =>
        Barriers.In(kernel.Method) ? null : (_, config, args) => Run(kernel.Body, config, args);

    private static void Run<TArgs>(Action<TArgs> body, KernelConfig config, TArgs args)
    {
        var group = new Current("CPURuntimeGroupContext");
        group.Setter("GridDimension")(config.GridDim);
        group.Setter("GroupDimension")(config.GroupDim);
        var thread = new Current("CPURuntimeThreadContext");
        var setGroup = thread.Setter("GridIndex");
        var setThread = thread.Setter("GroupIndex");
        try
        {
            for (int i = 0; i < config.GridDim.X; i++)
            {
                setGroup(new Index3D(i, 0, 0));
                for (int t = 0; t < config.GroupDim.X; t++)
                {
                    setThread(new Index3D(t, 0, 0));
                    body(args);
                }
            }
        }
        finally
        {
            group.Clear();
            thread.Clear();
        }
    }

    /// <summary>One of ILGPU's contexts, made current on this thread. It has no multiprocessor: a barrier would throw.</summary>
    private sealed class Current
    {
        private const BindingFlags All = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
        private readonly Type _type;
        private readonly object _context;

        public Current(string name)
        {
            _type = typeof(CPUAccelerator).Assembly.GetType("ILGPU.Runtime.CPU." + name, throwOnError: true)!;
            _context = RuntimeHelpers.GetUninitializedObject(_type);
            GC.SuppressFinalize(_context);
            Field.SetValue(null, _context);
        }

        private FieldInfo Field => _type.GetField("currentContext", All)!;

        public Action<Index3D> Setter(string property) =>
            _type.GetProperty(property, All)!.GetSetMethod(nonPublic: true)!.CreateDelegate<Action<Index3D>>(_context);

        public void Clear() => Field.SetValue(null, null);
    }

    /// <summary>Looks for barriers and shared memory in the code of a kernel and all that it may call.</summary>
    private static class Barriers
    {
        public static bool In(MethodInfo kernel)
        {
            var seen = new HashSet<MethodBase>();
            var open = new Stack<MethodBase>([kernel]);
            while (open.TryPop(out var method))
            {
                if (method.DeclaringType == typeof(Group) && method.Name.Contains("Barrier", StringComparison.Ordinal)
                    || method.DeclaringType == typeof(SharedMemory) || method.DeclaringType == typeof(Warp))
                {
                    return true;
                }
                if (method.DeclaringType?.Assembly == typeof(GpuKernel).Assembly && seen.Add(method))
                {
                    foreach (var called in Calls(method).Concat(Functors(method)))
                    {
                        open.Push(called);
                    }
                }
            }
            return false;
        }

        // Calls through an interface name no implementation: all methods of the generic arguments count as called.
        private static IEnumerable<MethodBase> Functors(MethodBase method) => (method.IsGenericMethod ? method.GetGenericArguments() : [])
            .Concat(method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : [])
            .SelectMany(t => t.GetMethods(BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic));

        // Every place that could be a call is taken for one: data that looks like a call can only send a kernel to ILGPU.
        private static IEnumerable<MethodBase> Calls(MethodBase method)
        {
            var code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
            for (int i = 0; i + 4 < code.Length; i++)
            {
                if (code[i] == OpCodes.Call.Value || code[i] == OpCodes.Callvirt.Value || code[i] == OpCodes.Newobj.Value)
                {
                    MethodBase? called = null;
                    try
                    {
                        called = method.Module.ResolveMethod(BitConverter.ToInt32(code, i + 1), method.DeclaringType!.GetGenericArguments(),
                            method.IsGenericMethod ? method.GetGenericArguments() : null);
                    }
                    catch (ArgumentException)
                    {
                        // no method's token
                    }
                    if (called is not null)
                    {
                        yield return called;
                    }
                }
            }
        }
    }
}

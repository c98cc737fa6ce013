using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Tcm.Detect;
using Tcm.Detect.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>
/// Adds <see cref="TextDetector"/>s to a container: singletons, loaded while the host starts or when they are first wanted,
/// disposed with the container. Several calls for one key fill in the same options, one after the other. Thread-safe as far as the
/// collection is.
/// </summary>
public static class TcmServiceCollectionExtensions
{
    /// <summary>Adds the detector, with the shipped model and the defaults unless another call says otherwise.</summary>
    /// <param name="services">The services of a host.</param>
    public static IServiceCollection AddTcmTextDetector(this IServiceCollection services) => AddTcmTextDetector(services, _ => { });

    /// <summary>Adds the detector.</summary>
    /// <param name="services">The services of a host.</param>
    /// <param name="configure">Fills in the options.</param>
    public static IServiceCollection AddTcmTextDetector(this IServiceCollection services, Action<TextDetectorHostOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.TryAddSingleton(s => Holder(s, Options.Options.DefaultName).Get());
        return Add(services, Options.Options.DefaultName, configure);
    }

    /// <summary>Adds the detector as a configuration says.</summary>
    /// <param name="services">The services of a host.</param>
    /// <param name="configuration">A section with members of <see cref="TextDetectorHostOptions"/> and <see
    /// cref="TextDetectorOptions"/> (docs/api.md has an example); a name that is neither is an error when the host starts.</param>
    public static IServiceCollection AddTcmTextDetector(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return AddTcmTextDetector(services, o => HostConfiguration.Apply(configuration, o));
    }

    /// <summary>Adds a detector under a key, with the shipped model and the defaults unless another call says otherwise.</summary>
    /// <param name="services">The services of a host.</param>
    /// <param name="key">What <c>[FromKeyedServices]</c> asks for; also its name in logs, traces and metrics.</param>
    /// <exception cref="ArgumentException">The key is empty.</exception>
    public static IServiceCollection AddKeyedTcmTextDetector(this IServiceCollection services, string key) =>
        AddKeyedTcmTextDetector(services, key, _ => { });

    /// <summary>Adds a detector under a key.</summary>
    /// <param name="services">The services of a host.</param>
    /// <param name="key">What <c>[FromKeyedServices]</c> asks for; also its name in logs, traces and metrics.</param>
    /// <param name="configure">Fills in the options.</param>
    /// <exception cref="ArgumentException">The key is empty.</exception>
    public static IServiceCollection AddKeyedTcmTextDetector(this IServiceCollection services, string key,
        Action<TextDetectorHostOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        services.TryAddKeyedSingleton(key, (s, _) => Holder(s, key).Get());
        return Add(services, key, configure);
    }

    /// <summary>Adds a detector under a key as a configuration says.</summary>
    /// <param name="services">The services of a host.</param>
    /// <param name="key">What <c>[FromKeyedServices]</c> asks for; also its name in logs, traces and metrics.</param>
    /// <param name="configuration">As for the detector without a key.</param>
    /// <exception cref="ArgumentException">The key is empty.</exception>
    public static IServiceCollection AddKeyedTcmTextDetector(this IServiceCollection services, string key, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return AddKeyedTcmTextDetector(services, key, o => HostConfiguration.Apply(configuration, o));
    }

    /// <summary>The holder of a key's detector.</summary>
    /// <exception cref="InvalidOperationException">None was added.</exception>
    internal static DetectorHolder Holder(IServiceProvider services, string key) => services.GetKeyedService<DetectorHolder>(key)
        ?? throw new InvalidOperationException(key.Length == 0
            ? $"no text detector: call services.{nameof(AddTcmTextDetector)}()"
            : $"no text detector '{key}': call services.{nameof(AddKeyedTcmTextDetector)}(\"{key}\")");

    private static IServiceCollection Add(IServiceCollection services, string key, Action<TextDetectorHostOptions> configure)
    {
        services.AddOptions<TextDetectorHostOptions>(key).Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<TextDetectorHostOptions>, HostOptionsValidation>());
        if (!services.Any(d => d.ServiceType == typeof(DetectorHolder) && key.Equals(d.ServiceKey)))
        {
            services.AddKeyedSingleton(key, (s, _) => new DetectorHolder(s, key));
            services.AddSingleton<IHostedService>(s => new DetectorStart(Holder(s, key)));
        }
        return services;
    }
}

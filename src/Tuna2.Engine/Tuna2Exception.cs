namespace Tuna2.Engine;

/// <summary>
/// The base of every error the engine raises on purpose. The message is one line that says what is wrong and where
/// (file, tensor, option), fit to be shown to a user as it stands.
/// </summary>
public class Tuna2Exception : Exception
{
    /// <summary>An error with its one-line message.</summary>
    public Tuna2Exception(string message) : base(message) { }

    /// <summary>An error with its one-line message and what caused it.</summary>
    public Tuna2Exception(string message, Exception? inner) : base(message, inner) { }
}

/// <summary>A request that cannot be run as asked: a size off the grid, a prompt too long, a guidance that is not a number.</summary>
public sealed class RequestException : Tuna2Exception
{
    /// <inheritdoc cref="Tuna2Exception(string)"/>
    public RequestException(string message) : base(message) { }
}

/// <summary>A model directory, configuration, tokenizer or weight file that is missing, damaged or of another model.</summary>
public sealed class ModelException : Tuna2Exception
{
    /// <inheritdoc cref="Tuna2Exception(string)"/>
    public ModelException(string message) : base(message) { }

    /// <inheritdoc cref="Tuna2Exception(string, Exception)"/>
    public ModelException(string message, Exception? inner) : base(message, inner) { }
}

/// <summary>A picture or clip that cannot be read or written.</summary>
public sealed class ImageException : Tuna2Exception
{
    /// <inheritdoc cref="Tuna2Exception(string)"/>
    public ImageException(string message) : base(message) { }

    /// <inheritdoc cref="Tuna2Exception(string, Exception)"/>
    public ImageException(string message, Exception? inner) : base(message, inner) { }
}

/// <summary>A device that is not there or cannot run what was asked of it.</summary>
public sealed class DeviceException : Tuna2Exception
{
    /// <inheritdoc cref="Tuna2Exception(string)"/>
    public DeviceException(string message) : base(message) { }

    /// <inheritdoc cref="Tuna2Exception(string, Exception)"/>
    public DeviceException(string message, Exception? inner) : base(message, inner) { }

    /// <summary>What a compiler or driver wrote, whole and in many lines; the message has its first error. Empty when there is none.</summary>
    public string Log { get; init; } = "";
}

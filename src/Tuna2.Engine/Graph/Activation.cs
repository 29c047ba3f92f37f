namespace Tuna2.Engine.Graph;

/// <summary>What a product may end in.</summary>
public enum Activation
{
    /// <summary>x.</summary>
    None,

    /// <summary>x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): SigLIP's.</summary>
    GeluTanh,

    /// <summary>x / 2 * (1 + erf(x / sqrt 2)): the projector's.</summary>
    Gelu,

    /// <summary>
    /// silu(g) u of two products at once: the weight holds g's rows, then as many of u. All MLPs of LLM and flow head; such a product
    /// has neither bias nor residual nor gate.
    /// </summary>
    SwiGlu,
}

/// <summary>What activations are called.</summary>
public static class Activations
{
    /// <summary>How an instance's name, or a product's, ends: "_gelu_tanh"; nothing for <see cref="Activation.None"/>.</summary>
    public static string Suffix(this Activation activation) => activation switch
    {
        Activation.None => "",
        Activation.GeluTanh => "_gelu_tanh",
        Activation.Gelu => "_gelu",
        Activation.SwiGlu => "_swiglu",
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "no such activation"),
    };

    /// <summary>Rows of the weight behind a column of the output.</summary>
    public static int Products(this Activation activation) => activation == Activation.SwiGlu ? 2 : 1;
}

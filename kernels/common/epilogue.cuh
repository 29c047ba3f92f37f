// What follows a product before it is stored:
//   y = residual + gate * activation(x + bias)         any part may be left out; the gate is 1 for text rows
// gate is a row of an AdaLN table, named by the row's sequence (see rms_norm.cu).
#pragma once
#include "bf16.cuh"
#include "math.cuh"
#include "sequences.cuh"
#include "vec.cuh"

enum class Activation { none, gelu_tanh, gelu };

template <typename Residual, Activation ACTIVATION_OF> struct Epilogue {
    const float* bias;         // (columns), or null
    const Residual* residual;  // (rows, columns), or null; may be the output itself
    const float* table;        // (times, table_columns), or null: no gate
    const Sequence* sequences;
    const int* row_sequence;
    int table_columns;
    int gate;                  // first column of the gate vector

    // The gate vector of a row, or null.
    __device__ __forceinline__ const float* gate_of(i64 row) const
    {
        if (!table) return nullptr;
        const int mod_row = sequences[row_sequence[row]].mod_row;
        return mod_row >= 0 ? table + (i64)mod_row * table_columns + gate : nullptr;
    }

    __device__ __forceinline__ static float activated(float x)
    {
        return ACTIVATION_OF == Activation::gelu_tanh ? gelu_tanh_of(x) : ACTIVATION_OF == Activation::gelu ? gelu_of(x) : x;
    }

    __device__ __forceinline__ float apply(float x, const float* row_gate, i64 row, int column, int columns) const
    {
        if (bias) x += bias[column];
        x = activated(x);
        if (row_gate) x *= row_gate[column];
        if (residual) x += to_float(residual[row * columns + column]);
        return x;
    }

    // The same of neighbouring columns at once, from one that begins a vector.
    template <typename T> __device__ __forceinline__ void apply(Vec<T>& x, const float* row_gate, i64 row, int column, int columns) const
    {
        float factor[Vec<T>::size];
        if (bias) {
            load_floats(bias + column, factor);
            for (int i = 0; i < x.size; i++) x.v[i] += factor[i];
        }
        for (int i = 0; i < x.size; i++) x.v[i] = activated(x.v[i]);
        if (row_gate) {
            load_floats(row_gate + column, factor);
            for (int i = 0; i < x.size; i++) x.v[i] *= factor[i];
        }
        if (residual) {
            Vec<Residual> other;
            other.load(residual + row * columns + column);
            for (int i = 0; i < x.size; i++) x.v[i] += other.v[i];
        }
    }
};

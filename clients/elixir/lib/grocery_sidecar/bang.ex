defmodule GrocerySidecar.Bang do
  @moduledoc false
  # Gives each function whose spec returns `result(value)` a variant that returns the value or raises.

  defmacro __before_compile__(env) do
    specs = Module.get_attribute(env.module, :spec)

    for {:spec, {:"::", _, [{name, _, types}, {:result, _, [value]}]}, _} <- specs do
      arguments = Macro.generate_arguments(length(types), __MODULE__)
      {required, [options]} = Enum.split(arguments, -1)
      bang = :"#{name}!"

      quote do
        @doc "Like `#{unquote(name)}/#{unquote(length(types))}`, but returns the value or raises `GrocerySidecar.Error`."
        @spec unquote(bang)(unquote_splicing(types)) :: unquote(value)
        def unquote(bang)(unquote_splicing(required), unquote(options) \\ []) do
          case unquote(name)(unquote_splicing(arguments)) do
            {:ok, value} -> value
            {:error, error} -> raise error
          end
        end
      end
    end
  end
end

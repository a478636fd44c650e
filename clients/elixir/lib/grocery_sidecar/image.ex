defmodule GrocerySidecar.Image do
  @moduledoc false
  # The fields of a request that hold a receipt's image.

  @spec source!(GrocerySidecar.image()) :: map()
  def source!({:binary, bytes}) when is_binary(bytes), do: %{image_base64: Base.encode64(bytes)}
  def source!({:url, url}) when is_binary(url), do: %{image_url: url}
  def source!({:path, path}) when is_binary(path), do: %{image_path: path}

  def source!([_ | _] = images) do
    pages =
      Enum.map(images, fn
        {:binary, bytes} when is_binary(bytes) -> Base.encode64(bytes)
        other -> no_image(other)
      end)

    %{images_base64: pages}
  end

  def source!(other), do: no_image(other)

  # A photo is too long, and too private, for a message.
  defp no_image(other) do
    given =
      if is_binary(other),
        do: "a binary of #{byte_size(other)} bytes",
        else: inspect(other, limit: 3, printable_limit: 40)

    raise ArgumentError,
          "an image is {:binary, bytes}, {:url, url}, {:path, path} or a list of {:binary, bytes}, " <>
            "not " <> given
  end
end

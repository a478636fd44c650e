# Chat through the client: complete, streamed, cancelled, and with a response schema.
# Run with AI_SERVICE_URL and CALLS (a file to write the calls to) in the environment.

Code.require_file("service.exs", __DIR__)
ExUnit.start()

defmodule ChatTest do
  use ExUnit.Case

  alias GrocerySidecar.Error

  @question [%{role: "user", content: "What is the capital of France?"}]

  setup do
    %{sidecar: Called.client()}
  end

  test "a question is answered", %{sidecar: sidecar} do
    {:ok, answer} = GrocerySidecar.OpenAI.chat(sidecar, @question, max_tokens: 20, temperature: 0)
    assert [%{"message" => %{"content" => text}}] = answer["choices"]
    assert text =~ "Paris"
    assert answer["usage"]["completion_tokens"] > 0
    assert {:ok, %{"data" => [_ | _]}} = GrocerySidecar.OpenAI.models(sidecar)
  end

  test "a stream delivers all its chunks", %{sidecar: sidecar} do
    chunks =
      GrocerySidecar.OpenAI.stream_chat!(sidecar, @question, max_tokens: 20, temperature: 0)

    said = Enum.map(chunks, &delta/1)
    assert length(said) > 3
    assert Enum.join(said) =~ "Paris"
  end

  test "a caller can stop a stream", %{sidecar: sidecar} do
    assert [%{}] = sidecar |> GrocerySidecar.OpenAI.stream_chat!(@question) |> Enum.take(1)
    refute_received _
  end

  test "a response follows its schema", %{sidecar: sidecar} do
    schema = %{
      type: "object",
      additionalProperties: false,
      required: ["city"],
      properties: %{city: %{type: "string", enum: ["Paris", "Rome"]}}
    }

    format = %{type: "json_schema", json_schema: %{name: "answer", schema: schema}}
    {:ok, answer} = GrocerySidecar.OpenAI.chat(sidecar, @question, response_format: format)
    [choice] = answer["choices"]
    assert Json.decode!(choice["message"]["content"])["city"] in ["Paris", "Rome"]
  end

  test "an error in OpenAI's format becomes the client's own error", %{sidecar: sidecar} do
    assert {:error, %Error{kind: :bad_input, code: "missing_tenant", message: sentence}} =
             GrocerySidecar.OpenAI.chat(sidecar, @question, tenant_id: nil)

    assert is_binary(sentence)
  end

  defp delta(%{"choices" => [choice]}), do: choice["delta"]["content"] || ""
  defp delta(%{"choices" => []}), do: ""
end

defmodule GrocerySidecar.OpenAI do
  @moduledoc """
  OpenAI's protocol: chat, embeddings, models. Options and results are as in `GrocerySidecar`; requests
  and answers have OpenAI's fields.
  """

  alias GrocerySidecar.{Call, Endpoint, Error, Request}

  @before_compile GrocerySidecar.Bang

  @chatting ~w(model user n max_tokens max_completion_tokens temperature top_p presence_penalty
    frequency_penalty seed stop logprobs top_logprobs logit_bias response_format tools tool_choice
    parallel_tool_calls reasoning_effort chat_template_kwargs top_k min_p repetition_penalty
    min_tokens ignore_eos)a
  @embedding ~w(model user encoding_format dimensions)a

  @type result(value) :: {:ok, value} | {:error, Error.t()}

  @doc "OpenAI's chat completion of `messages`, whole. Options of its own are OpenAI's fields."
  @spec chat(GrocerySidecar.t(), [map()], GrocerySidecar.options()) :: result(map())
  def chat(client, messages, options \\ []),
    do: Call.json(client, chat_request(client, %{messages: messages}, options))

  @doc """
  The same as a stream of chunks.

      sidecar
      |> GrocerySidecar.OpenAI.stream_chat!(messages, max_tokens: 200)
      |> Stream.map(&(get_in(&1, ["choices", Access.at(0), "delta", "content"]) || ""))
      |> Enum.each(&send(live_view, {:delta, &1}))
  """
  @spec stream_chat!(GrocerySidecar.t(), [map()], GrocerySidecar.options()) :: Enumerable.t()
  def stream_chat!(client, messages, options \\ []) do
    client
    |> Call.events(chat_request(client, %{messages: messages, stream: true}, options))
    |> Stream.take_while(fn {_, data} -> data != "[DONE]" end)
    |> Stream.map(fn {_, data} ->
      case Call.decoded!(client, data) do
        %{"error" => _} = body -> raise Error.from_stream(body)
        chunk -> chunk
      end
    end)
  end

  defp chat_request(client, body, options) do
    {call, fields} = Request.split_options!(options, @chatting)
    Request.post(client, "/v1/chat/completions", Map.merge(body, Map.new(fields)), call)
  end

  @doc """
  OpenAI's embeddings of a text or a list of texts: `data` holds `%{"index", "embedding"}`. Options of
  its own: `:model`, `:encoding_format`, `:dimensions`.
  """
  @spec embeddings(GrocerySidecar.t(), String.t() | [String.t()], GrocerySidecar.options()) ::
          result(map())
  def embeddings(client, input, options \\ []) do
    {call, fields} = Request.split_options!(options, @embedding)
    Endpoint.posted(client, "/v1/embeddings", Map.new([{:input, input} | fields]), call)
  end

  @doc "OpenAI's list of the models that answer now: `data`."
  @spec models(GrocerySidecar.t(), GrocerySidecar.options()) :: result(map())
  def models(client, options \\ []), do: Endpoint.got(client, "/v1/models", options)

  @doc "One of the models, by its id."
  @spec get_model(GrocerySidecar.t(), String.t(), GrocerySidecar.options()) :: result(map())
  def get_model(client, model_id, options \\ []),
    do: Endpoint.got(client, "/v1/models/" <> Request.segment(model_id), options)
end

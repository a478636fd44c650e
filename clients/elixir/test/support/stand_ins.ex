# Stand-ins for the parts of Plug, Phoenix and Oban that the examples use, where those are not there.
# They hold the calls and callbacks of the real ones, and nothing of what those do around them.

unless Code.ensure_loaded?(Plug.Conn) do
  defmodule Plug do
    @moduledoc false
    @callback init(term()) :: term()
    @callback call(map(), term()) :: map()
  end

  defmodule Plug.Conn do
    @moduledoc false
    defstruct [
      :method,
      :request_path,
      :body,
      req_headers: [],
      assigns: %{},
      status: nil,
      halted: false
    ]

    def get_req_header(conn, name), do: for({^name, value} <- conn.req_headers, do: value)

    def put_req_header(conn, name, value),
      do: %{conn | req_headers: List.keystore(conn.req_headers, name, 0, {name, value})}

    def read_body(conn, options) do
      length = Keyword.get(options, :length, 8_000_000)

      if byte_size(conn.body) <= length,
        do: {:ok, conn.body, conn},
        else: {:more, binary_part(conn.body, 0, length), conn}
    end

    def assign(conn, key, value), do: %{conn | assigns: Map.put(conn.assigns, key, value)}
    def send_resp(conn, status, _body), do: %{conn | status: status}
    def halt(conn), do: %{conn | halted: true}
  end

  defmodule Plug.Test do
    @moduledoc false
    def conn(method, path, body),
      do: %Plug.Conn{method: String.upcase("#{method}"), request_path: path, body: body}
  end
end

unless Code.ensure_loaded?(Jason) do
  defmodule Jason do
    @moduledoc false
    defdelegate decode!(text), to: Json
  end
end

unless Code.ensure_loaded?(Phoenix.Controller) do
  defmodule Phoenix.Controller do
    @moduledoc false
    defmacro __using__(formats: _), do: nil
  end
end

unless Code.ensure_loaded?(Phoenix.LiveView) do
  defmodule Phoenix.LiveView.Socket do
    @moduledoc false
    defstruct assigns: %{}, connected?: true, task: nil
  end

  defmodule Phoenix.LiveView do
    @moduledoc false
    @callback mount(map(), map(), struct()) :: {:ok, struct()}
    @callback handle_info(term(), struct()) :: {:noreply, struct()}
    @callback handle_async(term(), term(), struct()) :: {:noreply, struct()}
    @callback render(map()) :: term()

    defmacro __using__(_) do
      quote do
        @behaviour Phoenix.LiveView
        import Phoenix.LiveView
      end
    end

    def assign(socket, values),
      do: %{socket | assigns: Map.merge(socket.assigns, Map.new(values))}

    def connected?(socket), do: socket.connected?

    def start_async(socket, name, fun),
      do: %{socket | task: {name, Task.Supervisor.async_nolink(MyApp.Tasks, fun)}}

    # The template is kept as it is: it is not compiled.
    defmacro sigil_H(template, _), do: quote(do: {var!(assigns), unquote(template)})
  end
end

unless Code.ensure_loaded?(Oban.Worker) do
  defmodule Oban.Job do
    @moduledoc false
    defstruct [:args]
  end

  defmodule Oban.Worker do
    @moduledoc false
    @callback perform(struct()) :: term()
    defmacro __using__(_), do: quote(do: @behaviour(Oban.Worker))
  end
end

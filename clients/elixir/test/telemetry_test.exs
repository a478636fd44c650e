if Code.ensure_loaded?(:telemetry) do
  defmodule GrocerySidecar.TelemetryTest do
    use ExUnit.Case, async: false

    alias GrocerySidecar.{Error, Transport.Memory}

    setup do
      test = self()
      events = for event <- ~w(start stop exception)a, do: [:grocery_sidecar, :request, event]

      :ok = :telemetry.attach_many("test", events, &__MODULE__.report/4, test)
      on_exit(fn -> :telemetry.detach("test") end)
    end

    def report([_, _, event], measured, metadata, test),
      do: send(test, {event, measured, metadata})

    defp answering(answer) do
      transport = {Memory, answer: answer}

      GrocerySidecar.new(
        base_url: "http://sidecar.test",
        token: "secret",
        transport: transport,
        retries: 0
      )
    end

    test "each attempt is a span" do
      sidecar = answering(fn _ -> {200, %{}} end)
      GrocerySidecar.health!(sidecar, tenant_id: "t", request_id: "r-1")
      assert_received {:start, %{system_time: _}, %{telemetry_span_context: span} = started}
      assert %{method: "GET", path: "/health", request_id: "r-1", tenant_id: "t"} = started
      assert_received {:stop, %{duration: _}, %{status: 200, error: nil} = stopped}
      assert stopped.telemetry_span_context == span
      refute inspect({started, stopped}) =~ "secret"
    end

    test "an error, a fault and a stream end their spans" do
      sidecar = answering(fn _ -> {503, %{"code" => "overloaded", "error" => "-"}} end)
      {:error, _} = GrocerySidecar.health(sidecar)
      assert_received {:stop, _, %{status: 503, error: %Error{code: "overloaded"}}}

      catch_error(GrocerySidecar.health(answering(fn _ -> raise "a fault" end)))

      assert_received {:exception, _,
                       %{kind: :error, reason: %RuntimeError{}, stacktrace: [_ | _]}}

      sidecar = answering(fn _ -> {200, %{}, ["{}\n", "{}\n"]} end)
      assert [%{}] = Enum.take(GrocerySidecar.Records.export_feedback!(sidecar), 1)
      assert_received {:stop, _, %{status: 200, stream?: true}}
    end
  end
end

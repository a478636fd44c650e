defmodule GrocerySidecar.Transport do
  @moduledoc """
  How requests are sent. Three come with the client:

    * `GrocerySidecar.Transport.Otp` - OTP's sockets, without dependencies; the default
    * `GrocerySidecar.Transport.Req` - Req, where the application has it; its options, `plug:` included
    * `GrocerySidecar.Transport.Memory` - a function of the test

  A client takes a module, or a module with options: `transport: {GrocerySidecar.Transport.Req, finch:
  MyApp.Finch}`.
  """

  alias GrocerySidecar.{Error, Request, Response}

  @doc """
  Sends a request once, and returns when the headers of the answer are there.

  The body of the answer is read as it is enumerated, once, by the process that called. It raises
  `GrocerySidecar.Error` where the answer breaks off; the connection is closed when the enumeration
  ends or halts. `request.timeout` limits the whole answer or, for `request.stream?`, the wait for each
  piece. `options` are those given beside the module.

  Errors are made by `GrocerySidecar.Error.unreachable/1`, `no_answer/1` and `not_http/1`.
  """
  @callback open(Request.t(), options :: keyword()) :: {:ok, Response.t()} | {:error, Error.t()}
end

defmodule GrocerySidecar.MixProject do
  use Mix.Project

  @version "0.3.0"

  def project do
    [
      app: :grocery_sidecar,
      version: @version,
      elixir: "~> 1.14",
      elixirc_paths: if(Mix.env() == :test, do: ["lib", "test/support"], else: ["lib"]),
      dialyzer: [flags: [:unmatched_returns], plt_add_apps: [:ssl, :public_key, :req, :telemetry]],
      description:
        "A client of the grocery side-car: receipts, categories, meal plans, search, chat, jobs",
      package: [licenses: ["Apache-2.0"], links: %{}],
      docs: [main: "readme", extras: ["README.md", "CHANGELOG.md"]],
      deps: deps(System.get_env("GROCERY_SIDECAR_DEPS", "hex"))
    ]
  end

  def application, do: [extra_applications: [:logger, :crypto, :ssl, :public_key]]

  # The client needs none; where Hex can't be reached, GROCERY_SIDECAR_DEPS=none builds and tests it.
  defp deps("none"), do: []

  defp deps("hex") do
    [
      {:req, "~> 0.5.12", optional: true},
      {:telemetry, "~> 1.0", optional: true},
      {:jason, "~> 1.4", optional: true},
      {:plug, "~> 1.14", only: :test},
      {:ex_doc, "~> 0.30", only: :dev, runtime: false},
      {:dialyxir, "~> 1.4", only: :dev, runtime: false}
    ]
  end
end

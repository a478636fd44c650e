[inputs: ["mix.exs", "{lib,test,examples}/**/*.{ex,exs}"]]

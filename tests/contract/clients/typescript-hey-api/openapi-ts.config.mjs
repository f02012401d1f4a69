export default {
  input: process.env.SPEC,
  output: { path: `${process.env.OUT}/api`, importFileExtension: ".js" },
  plugins: ["@hey-api/typescript", "@hey-api/sdk", "@hey-api/client-fetch"],
};

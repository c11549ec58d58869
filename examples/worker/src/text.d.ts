// Policies are bundled as text; the rule for it is in wrangler.jsonc.
declare module "*.yaml" {
  const text: string;
  export default text;
}

// @ts-check
// Greets the server, which makes a listener where there is none, and hands their token to Gradio.

import { greeted, token } from "./shared/api.js";

/** @param {{props: {value: string | null}}} component */
export async function start({ props }) {
  await greeted();
  props.value = token();
}

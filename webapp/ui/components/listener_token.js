// @ts-check
// Greets the server, which makes a listener where there is none, and hands their token to Gradio.

import { adopt, greeted, token } from "./shared/api.js";

/** @param {import("./shared/types.d.ts").GradioComponent<string | null>} component */
export async function start({ props, watch }) {
  await greeted();
  props.value = token();
  watch("value", async () => {
    if (!props.value || props.value === token()) return;
    await adopt(props.value); // a handler has brought another listener into this browser
    props.value = token();
  });
}

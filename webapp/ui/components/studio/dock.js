// @ts-check
// Players that stay in view: scrolled away, they go on smaller at the top of the window.

const LINE_PX = 120; // from the top: nothing of the players is left below it

/**
 * Dock what stands in `place`, which keeps its room meanwhile.
 * @param {HTMLElement} place
 */
export function dock(place) {
  const players = /** @type {HTMLElement} */ (place.firstElementChild);
  const page = document.documentElement;
  const observer = new IntersectionObserver(
    (entries) => {
      const { isIntersecting, boundingClientRect: box } = entries[entries.length - 1]; // on a busy machine, several at once
      const away = !isIntersecting && box.height > 0 && box.bottom <= LINE_PX;
      place.style.height = away ? `${box.height}px` : "";
      players.classList.toggle("k-docked", away);
      page.style.scrollPaddingTop = away ? `${players.offsetHeight}px` : ""; // what is tabbed to stays visible below
      if (!place.isConnected) observer.disconnect();
    },
    { rootMargin: `-${LINE_PX}px 0px 0px 0px` },
  );
  observer.observe(place);
}

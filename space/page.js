// The timeline moves the player, by mouse and by keys; the player moves the timeline's cursors. Tables are sorted; files
// that are pasted, or dropped on another, are taken.
(() => {
  const scope = (node) => node.closest(".dh-scene") || document;
  const player = (node) => scope(node).querySelector("video.dh-preview, audio.dh-preview");
  const jump = (node, second) => {
    const media = player(node);
    if (!media) return;
    const go = () => { media.currentTime = Math.max(0, Math.min(second, media.duration || second)); };
    if (media.readyState > 0) go(); else media.addEventListener("loadedmetadata", go, { once: true });
    if (media.readyState === 0) media.load();
    show(media, second);
  };
  const show = (media, second) => {
    for (const plot of scope(media).querySelectorAll(".dh-plot")) {
      const end = Number(plot.getAttribute("aria-valuemax")) || 1;
      plot.querySelector(".dh-cursor").style.left = `${Math.min(100, 100 * second / end)}%`;
      plot.setAttribute("aria-valuenow", second.toFixed(1));
      let said = "";
      for (const pair of plot.dataset.scores.split(" ")) {
        const [at, score] = pair.split(":");
        if (Number(at) <= second + 1e-3) said = `, P(fake) ${score}`;
      }
      plot.setAttribute("aria-valuetext", `${second.toFixed(1)} s${said}`);
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-at]");
    if (button) return jump(button, Number(button.dataset.at));
    const plot = event.target.closest(".dh-plot");
    if (!plot) return;
    const box = plot.getBoundingClientRect();
    jump(plot, (event.clientX - box.left) / box.width * Number(plot.getAttribute("aria-valuemax")));
  });
  document.addEventListener("keydown", (event) => {
    const plot = event.target.closest && event.target.closest(".dh-plot");
    if (!plot) return;
    const end = Number(plot.getAttribute("aria-valuemax")), now = Number(plot.getAttribute("aria-valuenow"));
    const step = end > 60 ? 5 : end > 10 ? 1 : 0.5;
    const to = { ArrowRight: now + step, ArrowUp: now + step, ArrowLeft: now - step, ArrowDown: now - step, Home: 0, End: end }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    jump(plot, Math.max(0, Math.min(end, to)));
  });
  document.addEventListener("timeupdate", (event) => {
    if (event.target.classList.contains("dh-preview")) show(event.target, event.target.currentTime);
  }, true);
  document.addEventListener("click", (event) => { // a column's head sorts its table; again: the other way round
    const head = event.target.closest(".dh-sort")?.closest("th");
    if (!head) return;
    const turn = head.getAttribute("aria-sort") === "ascending" ? -1 : 1, place = head.cellIndex;
    for (const other of head.parentElement.children) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", turn > 0 ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0], key = (row) => row.children[place].dataset.key;
    body.append(...[...body.rows].sort((one, other) => {
      const [a, b] = [key(one), key(other)];
      return turn * (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
    }));
  });
  // Gradio's upload hides its input while a file lies there: the next file takes that one's place.
  const give = (box, one) => {
    const input = box.querySelector("input[type=file]"), clear = box.querySelector("button[aria-label='Clear']");
    if (input) {
      const carried = new DataTransfer();
      carried.items.add(one);
      input.files = carried.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    } else if (clear) {
      new MutationObserver((changes, watch) => {
        if (!box.querySelector("input[type=file]")) return;
        watch.disconnect();
        give(box, one);
      }).observe(box, { childList: true, subtree: true });
      clear.click();
    }
  };
  document.addEventListener("paste", (event) => {
    const one = event.clipboardData?.files[0], box = document.querySelector("#file");
    if (one && box && box.offsetParent !== null) give(box, one);
  });
  const filled = (event) => {
    const box = event.target.closest?.("#file, #compare-one, #compare-other");
    return box && !box.querySelector("input[type=file]") && event.dataTransfer.types.includes("Files") ? box : null;
  };
  document.addEventListener("dragover", (event) => { if (filled(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    const box = filled(event);
    if (!box) return;
    event.preventDefault();
    give(box, event.dataTransfer.files[0]);
  });
})();

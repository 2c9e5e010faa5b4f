/* A button that copies what its field shows: a token or a link that is seen this once. */
(() => {
  "use strict";

  for (const button of document.querySelectorAll("[data-copies]")) {
    const field = document.getElementById(button.dataset.copies);
    const say = (text) => {
      button.textContent = text;
      document.getElementById("announcer").textContent = text;
    };
    button.addEventListener("click", async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
        say("Copied");
      } catch {
        say("Press Ctrl+C to copy"); // no clipboard without https; the text is selected
      }
    });
  }
})();

/* Passkeys: what a form's button asks of the browser before the form is sent. The options come from
   the server; only public keys and signatures go back. Recovery codes are made a file here as well. */
(() => {
  "use strict";

  const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const encode = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const withIds = (list) => (list ?? []).map((one) => ({ ...one, id: decode(one.id) }));

  async function optionsOf(form) {
    const element = document.getElementById("passkey-options");
    if (element) return JSON.parse(element.textContent);
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.json();
  }

  async function prove(form) {
    const { publicKey } = (await optionsOf(form)).request_options;
    const proof = await navigator.credentials.get({
      publicKey: { ...publicKey, challenge: decode(publicKey.challenge), allowCredentials: withIds(publicKey.allowCredentials) },
    });
    const { authenticatorData, clientDataJSON, signature, userHandle } = proof.response;
    return {
      id: proof.id,
      rawId: encode(proof.rawId),
      type: proof.type,
      clientExtensionResults: {},
      response: {
        authenticatorData: encode(authenticatorData),
        clientDataJSON: encode(clientDataJSON),
        signature: encode(signature),
        userHandle: userHandle ? encode(userHandle) : null,
      },
    };
  }

  async function make(form) {
    const { publicKey } = (await optionsOf(form)).creation_options;
    const alone = form.elements.passwordless.checked;
    const made = await navigator.credentials.create({
      publicKey: {
        ...publicKey,
        challenge: decode(publicKey.challenge),
        user: { ...publicKey.user, id: decode(publicKey.user.id) },
        excludeCredentials: withIds(publicKey.excludeCredentials),
        authenticatorSelection: {
          ...publicKey.authenticatorSelection,
          residentKey: alone ? "required" : "discouraged",
          requireResidentKey: alone,
          userVerification: alone ? "required" : "preferred",
        },
      },
    });
    return {
      id: made.id,
      rawId: encode(made.rawId),
      type: made.type,
      clientExtensionResults: { credProps: { rk: made.getClientExtensionResults().credProps?.rk === true } },
      response: {
        attestationObject: encode(made.response.attestationObject),
        clientDataJSON: encode(made.response.clientDataJSON),
      },
    };
  }

  const WORDS = {
    NotAllowedError: "Nothing was sent: you cancelled, it took too long, or this device has no passkey for this account.",
    InvalidStateError: "This device has a passkey for your account already.",
    SecurityError: "Passkeys need a secure connection (https) and a host name.",
    NotSupportedError: "This device or browser cannot make such a passkey.",
  };

  for (const form of window.PublicKeyCredential ? document.querySelectorAll("form[data-passkey]") : []) {
    form.hidden = false;
    const error = form.querySelector("[data-passkey-error]");
    const button = form.querySelector("button");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      error.hidden = true;
      button.disabled = true;
      try {
        const credential = await (form.dataset.passkey === "make" ? make(form) : prove(form));
        form.elements.credential.value = JSON.stringify(credential);
        form.submit();
      } catch (fault) {
        error.textContent = WORDS[fault.name] ?? "The server did not answer as expected. Reload the page and try again.";
        error.hidden = false;
        button.disabled = false;
        button.focus();
      }
    });
  }
  for (const part of window.PublicKeyCredential ? document.querySelectorAll("[data-needs-passkeys]") : []) part.hidden = false;
  for (const part of window.PublicKeyCredential ? document.querySelectorAll("[data-lacks-passkeys]") : []) part.hidden = true;

  document.querySelector("[data-download-codes]")?.addEventListener("click", () => {
    const codes = [...document.querySelectorAll(".codes li")].map((item) => item.textContent.trim());
    const text = `Recovery codes for Agenhood at ${location.host}\nEach works once.\n\n${codes.join("\n")}\n`;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = "agenhood-recovery-codes.txt";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
})();

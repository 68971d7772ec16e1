// The camera: a live picture in a dialog, and the frame that is taken from it.
"use strict";
((page) => {
  const { h } = page;
  const WHY = {
    NotAllowedError: "The camera was refused; allow it for this page in the browser, or choose a photo.",
    NotFoundError: "No camera was found; choose a photo.",
    NotReadableError: "The camera is in use by another program; close that, or choose a photo.",
  };

  const frame = (video) =>
    new Promise((done) => {
      const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob(done, "image/jpeg", 0.92);
    });

  // The photo that was taken as a Blob; null where the reader changed their mind. Rejects with `Refused`.
  page.takePhoto = async () => {
    if (!navigator.mediaDevices) throw new page.Refused("The camera needs https, or a server on this machine; choose a photo.");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } }, audio: false });
    } catch (error) {
      throw new page.Refused(WHY[error.name] ?? `The camera cannot be used (${error.name}); choose a photo.`);
    }
    const dialog = page.at("camera");
    const video = h("video", { autoplay: true, playsinline: true, "aria-label": "Picture of the camera" });
    video.muted = true;
    const shoot = h("button", { type: "button", class: "main", id: "shoot", disabled: true, onclick: () => dialog.close("taken") }, "Take the photo");
    page.fill(dialog, video, h("div", { class: "ways" }, shoot, h("button", { type: "button", onclick: () => dialog.close("left") }, "Cancel")));
    video.srcObject = stream;
    video.onloadeddata = () => {
      shoot.disabled = false;
      shoot.focus();
    };
    try {
      dialog.returnValue = "";
      dialog.showModal();
      await new Promise((done) => (dialog.onclose = done));
      return dialog.returnValue === "taken" ? await frame(video) : null;
    } finally {
      for (const track of stream.getTracks()) track.stop();
      page.fill(dialog);
    }
  };
})((globalThis.unifer ??= {}));

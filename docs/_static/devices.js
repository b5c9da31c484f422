// A filter box above the table of devices: rows that hold all words stay. Without scripts it is a plain table.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("article table");
  if (!table) return;
  const rows = Array.from(table.tBodies[0].rows, (row) => [row, row.textContent.toLowerCase()]);
  const box = document.createElement("input");
  box.type = "search";
  box.placeholder = "huawei e3372, 12d1, HuaweiNewMode ...";
  const label = document.createElement("label");
  label.className = "device-filter";
  label.append("Find a stick: ", box);
  const count = document.createElement("p");
  count.setAttribute("role", "status");
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length} device files`;
    if (location.protocol !== "file:") // where the address may not be changed
      history.replaceState(null, "", words.length ? `?q=${encodeURIComponent(box.value)}` : location.pathname);
  };
  box.addEventListener("input", filter);
  box.value = new URLSearchParams(location.search).get("q") || "";
  const place = table.closest(".table-wrapper") || table;
  place.before(label, count);
  filter();
});

"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const rows = data.map((row, rank) => ({ row: row, rank: rank }));
  const pageLength = 50;
  const digits = { 5: 0, 6: 0, 7: 1, 8: 1, 9: 1, 10: 0, 12: 0, 13: 1 };
  // What was chosen outlives the page's loading itself anew.
  const kept = new URLSearchParams(location.hash.slice(1));
  let column = Number(kept.get("column") || -1);
  let descending = kept.get("descending") === "1";
  let page = Number(kept.get("page") || 0);
  const filter = document.getElementById("filter");
  const outliers = document.getElementById("outliers");
  filter.value = kept.get("filter") || "";
  outliers.checked = kept.get("outliers") === "1";

  function compare(a, b) {
    if (column < 0) return a.rank - b.rank;
    const x = a.row[column], y = b.row[column];
    const missing = (x === null || x === undefined || x === "") - (y === null || y === undefined || y === "");
    if (missing) return missing;
    const order = typeof x === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
    return (descending ? -order : order) || a.rank - b.rank;
  }
  function cell(text, kind) {
    const td = document.createElement("td");
    td.textContent = text;
    if (kind) td.className = kind;
    return td;
  }
  function line(row) {
    const tr = document.createElement("tr");
    const picture = cell("", "picture");
    if (row[3]) {
      const img = document.createElement("img");
      img.src = "data:image/jpeg;base64," + row[3];
      img.alt = "";
      if (row[4]) {
        const a = document.createElement("a");
        a.href = encodeURIComponent(row[0]) + "/result/preview.png";
        a.append(img);
        picture.append(a);
      } else picture.append(img);
    }
    tr.append(picture, cell(row[0], "case"), cell(row[2].join("; "), row[1] ? "why alarm" : "why"));
    for (let index = 5; index < 14; index++) {
      const value = row[index];
      const isText = index === 11;
      const text = value === null || value === undefined ? "\u2013" : isText ? value : value.toFixed(digits[index]);
      const kind = isText ? (value === "refused" || value === "doubtful" ? "text alarm" : "text") : "n";
      tr.append(cell(text, kind));
    }
    return tr;
  }
  function show() {
    const words = filter.value.toLowerCase();
    const shown = rows.filter((each) => each.row[0].toLowerCase().includes(words) && (!outliers.checked || each.row[2].length));
    shown.sort(compare);
    page = Math.max(0, Math.min(page, Math.ceil(shown.length / pageLength) - 1));
    const part = shown.slice(page * pageLength, (page + 1) * pageLength);
    document.getElementById("rows").replaceChildren(...part.map((each) => line(each.row)));
    document.getElementById("where").textContent = shown.length
      ? `${page * pageLength + 1} to ${page * pageLength + part.length} of ${shown.length}` : "no case";
    document.getElementById("previous").disabled = page === 0;
    document.getElementById("next").disabled = (page + 1) * pageLength >= shown.length;
    for (const th of document.querySelectorAll("th[data-column]")) {
      const chosen = column >= 0 && Number(th.dataset.column) === column;
      th.classList.toggle("up", chosen && !descending);
      th.classList.toggle("down", chosen && descending);
      th.ariaSort = chosen ? (descending ? "descending" : "ascending") : null;
    }
    const state = new URLSearchParams({ column: column, descending: descending ? 1 : 0, page: page, filter: filter.value, outliers: outliers.checked ? 1 : 0 });
    history.replaceState(null, "", "#" + state);
  }
  for (const th of document.querySelectorAll("th[data-column]")) {
    th.tabIndex = 0;
    th.addEventListener("keydown", (event) => { if (event.key === "Enter") th.click(); });
    th.addEventListener("click", () => {
      const clicked = Number(th.dataset.column);
      descending = clicked === column ? !descending : clicked > 4;
      column = clicked;
      page = 0;
      show();
    });
  }
  filter.addEventListener("input", () => { page = 0; show(); });
  outliers.addEventListener("change", () => { page = 0; show(); });
  document.getElementById("previous").addEventListener("click", () => { page -= 1; show(); });
  document.getElementById("next").addEventListener("click", () => { page += 1; show(); });
  show();
})();

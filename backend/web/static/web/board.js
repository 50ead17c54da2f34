/* Introductions can be dragged to another column. A drop sends the introduction's own "Move to" form, so both ways do the same.
   A column that the menu does not offer is sent too: the answer says which step comes before it. */
"use strict";
(() => {
  const board = document.querySelector(".board");
  if (!board) return;
  let dragged = null;
  const columnOf = (event) => event.target.closest(".column");
  const takes = (column) => {
    if (!dragged || !column || column.contains(dragged)) return null;
    return dragged.querySelector("select[name=stage]");
  };
  const mark = (column) => {
    for (const each of board.querySelectorAll(".column")) each.classList.toggle("column-target", each === column);
  };
  board.addEventListener("dragstart", (event) => {
    const entry = event.target.closest(".board-entry[draggable=true]");
    if (!entry) return;
    dragged = entry;
    entry.classList.add("entry-dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", entry.id);
  });
  board.addEventListener("dragover", (event) => {
    const column = columnOf(event);
    if (!takes(column)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    mark(column);
  });
  board.addEventListener("drop", (event) => {
    const column = columnOf(event);
    const menu = takes(column);
    if (!menu) return;
    event.preventDefault();
    const stage = column.dataset.stage;
    if (!Array.from(menu.options).some((option) => option.value === stage)) menu.add(new Option(stage, stage));
    menu.value = stage;
    menu.form.requestSubmit();
  });
  board.addEventListener("dragend", () => {
    if (dragged) dragged.classList.remove("entry-dragged");
    dragged = null;
    mark(null);
  });
})();

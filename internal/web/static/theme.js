"use strict";
// Runs before the first paint, so that the default theme does not flash.
(function () {
  var theme = null;
  try { theme = localStorage.getItem("theme"); } catch (e) { /* storage is not available */ }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();

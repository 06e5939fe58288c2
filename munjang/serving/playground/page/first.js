// Before anything is drawn: the last chosen theme and language, so that the page does not switch visibly.
{
  const kept = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null; // storage is switched off
    }
  };
  const theme = kept("munjang-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  const language = kept("munjang-language") || (navigator.languages || [navigator.language])[0] || "";
  document.documentElement.lang = language.toLowerCase().startsWith("ko") ? "ko" : "en";
}

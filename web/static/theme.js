// Before the first paint: the theme that was chosen on this machine. Nothing is set when the system is to decide.
(function () {
	try {
		var theme = localStorage.getItem('tapebackarr.theme');
		if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
	} catch {
		// No storage: the system decides.
	}
})();

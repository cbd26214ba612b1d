export type Theme = 'system' | 'light' | 'dark';

const KEY = 'tapebackarr.theme';

/** Dark or light: by the system, or by choice on this machine. static/theme.js does the same before the first paint. */
class ThemeChoice {
	#choice = $state<Theme>(read());

	get choice(): Theme {
		return this.#choice;
	}

	set choice(theme: Theme) {
		this.#choice = theme;
		if (theme === 'system') delete document.documentElement.dataset.theme;
		else document.documentElement.dataset.theme = theme;
		try {
			if (theme === 'system') localStorage.removeItem(KEY);
			else localStorage.setItem(KEY, theme);
		} catch {
			// No storage: the choice lasts as long as the page.
		}
	}
}

function read(): Theme {
	const set = document.documentElement.dataset.theme;
	return set === 'light' || set === 'dark' ? set : 'system';
}

export const theme = new ThemeChoice();

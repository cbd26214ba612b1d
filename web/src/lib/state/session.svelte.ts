import type { Role } from '$lib/api/types';

export interface User {
	id: number;
	username: string;
	role: Role;
}

interface Stored {
	token: string;
	user: User;
}

const KEY = 'tapebackarr.session';
const RANK: Record<Role, number> = { readonly: 0, operator: 1, admin: 2 };

/** Who is logged in on this machine. The token is in the browser's storage, so every tab shares it. */
class Session {
	#stored = $state.raw<Stored | null>(read());
	/** Whether the last login ended by itself: the login page says so. */
	ended = $state(false);

	constructor() {
		addEventListener('storage', (event) => {
			if (event.key === KEY || event.key === null) this.#stored = read();
		});
	}

	get token(): string | null {
		return this.#stored?.token ?? null;
	}

	get user(): User | null {
		return this.#stored?.user ?? null;
	}

	/** Whether this user has at least this role. */
	may(least: Role): boolean {
		const role = this.user?.role;
		return role !== undefined && RANK[role] >= RANK[least];
	}

	/** Why a control for `least` is disabled; nothing if it is not. */
	reason(least: Role): string | undefined {
		if (this.may(least)) return undefined;
		const needed = least === 'admin' ? 'an administrator' : 'an operator';
		return `You are logged in as ${this.user?.role ?? 'nobody'}: this needs ${needed}.`;
	}

	begin(login: Stored): void {
		this.ended = false;
		this.#stored = { token: login.token, user: login.user };
		write(this.#stored);
	}

	/** The server no longer takes the token. */
	expired(): void {
		if (!this.#stored) return;
		this.ended = true;
		this.end();
	}

	end(): void {
		this.#stored = null;
		write(null);
	}
}

function read(): Stored | null {
	try {
		const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
		return isStored(stored) ? stored : null;
	} catch {
		return null;
	}
}

function write(stored: Stored | null): void {
	try {
		if (stored) localStorage.setItem(KEY, JSON.stringify(stored));
		else localStorage.removeItem(KEY);
	} catch {
		// No storage: the login lasts as long as the page.
	}
}

function isStored(value: unknown): value is Stored {
	if (typeof value !== 'object' || value === null) return false;
	const { token, user } = value as Partial<Stored>;
	return typeof token === 'string' && typeof user?.username === 'string' && user.role in RANK;
}

export const session = new Session();

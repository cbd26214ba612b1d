import type { Role } from '$lib/api/types';

export interface User {
	id: number;
	username: string;
	role: Role;
	/** Whether there is a password here; not for whom only the provider lets in. */
	password?: boolean;
}

const KEY = 'tapebackarr.session';
const RANK: Record<Role, number> = { readonly: 0, operator: 1, admin: 2 };

/**
 * Who is logged in on this machine. The login itself is in a cookie that no script can read; here is only who it is, in the
 * browser's storage, so that every tab shares it.
 */
class Session {
	#user = $state.raw<User | null>(read());
	/** Whether the last login ended by itself: the login page says so. */
	ended = $state(false);
	/** Whether the server does nothing for this user before there is a second factor. */
	mustEnrol = $state(false);

	constructor() {
		addEventListener('storage', (event) => {
			if (event.key === KEY || event.key === null) this.#user = read();
		});
	}

	get user(): User | null {
		return this.#user;
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

	begin(login: { user: User; second_factor_missing: boolean }): void {
		this.ended = false;
		this.mustEnrol = login.second_factor_missing;
		this.#user = login.user;
		write(this.#user);
	}

	/** The server no longer takes the login. */
	expired(): void {
		if (!this.#user) return;
		this.ended = true;
		this.end();
	}

	end(): void {
		this.#user = null;
		this.mustEnrol = false;
		write(null);
	}
}

function read(): User | null {
	try {
		const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
		return isUser(stored) ? stored : null;
	} catch {
		return null;
	}
}

function write(user: User | null): void {
	try {
		if (user) localStorage.setItem(KEY, JSON.stringify(user));
		else localStorage.removeItem(KEY);
	} catch {
		// No storage: the login lasts as long as the page.
	}
}

function isUser(value: unknown): value is User {
	if (typeof value !== 'object' || value === null) return false;
	const { username, role } = value as Partial<User>;
	return typeof username === 'string' && role !== undefined && role in RANK;
}

export const session = new Session();

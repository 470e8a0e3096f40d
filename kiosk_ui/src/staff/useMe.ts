import { shallowRef } from "vue";
import { readMe, type Me } from "../api/calls";
import { ApiError } from "../api/errors";

/** Who is signed in, for the whole page; null before the first answer and after signing out. */
export const me = shallowRef<Me | null>(null);

export function may(permission: string): boolean {
  return me.value?.permissions.includes(permission) ?? false;
}

/** True when somebody is signed in. A centre that cannot be reached throws: that is not "signed out". */
export async function learnMe(): Promise<boolean> {
  if (me.value) return true;
  try {
    me.value = await readMe();
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return false;
    throw error;
  }
}

/** Client of the centre's API (interfaces.md §8): one function an operation, named like it. */
import { ask } from "./http";
import type * as Shape from "./shapes";

export type * from "./shapes";

const id = encodeURIComponent;

/* identity */
export const signIn = (name: string, password: string) =>
  ask<Shape.Me>("POST", "/api/sign-in", { body: { name, password } });
export const signOut = () => ask<null>("POST", "/api/sign-out");
export const readMe = () => ask<Shape.Me>("GET", "/api/me");
export const readUsers = () => ask<Shape.UserRow[]>("GET", "/api/users");

/* sites */
export const readSites = () => ask<Shape.Site[]>("GET", "/api/sites");
export const readRooms = () => ask<Shape.Room[]>("GET", "/api/rooms");
export const readDevices = () => ask<Shape.Device[]>("GET", "/api/devices");
export const readEdges = () => ask<Shape.Edge[]>("GET", "/api/edges");

/* bookings */
export const readBookings = (from: string, until: string) =>
  ask<Shape.Booking[]>("GET", "/api/bookings", { query: { from, until } });
export const checkBooking = (wish: Shape.CheckWish) => ask<Shape.CheckAnswer>("POST", "/api/bookings/check", { body: wish });
export const moveBooking = (booking: string, where: Shape.BookingMove) =>
  ask<Shape.Booking>("PATCH", `/api/bookings/${id(booking)}`, { body: where });
export const cancelBooking = (booking: string, reason: string) =>
  ask<Shape.Booking>("POST", `/api/bookings/${id(booking)}/cancel`, { body: { reason } });

/* sessions */
export const readToday = () => ask<Shape.Today>("GET", "/api/today");
export const readSessions = (query: { from?: string; until?: string; state?: string } = {}) =>
  ask<Shape.SessionRow[]>("GET", "/api/sessions", { query });
export const createSession = (wish: Shape.SessionWish) => ask<Shape.Session>("POST", "/api/sessions", { body: wish });
export const readSession = (session: string) => ask<Shape.Session>("GET", `/api/sessions/${id(session)}`);
export const readSessionFacts = (session: string, after = 0) =>
  ask<Shape.SessionFact[]>("GET", `/api/sessions/${id(session)}/facts`, { query: { after } });
export const readSessionPeople = (session: string) => ask<Shape.People>("GET", `/api/sessions/${id(session)}/people`);
export const actOnSession = (session: string, action: Shape.SessionAction, reason = "") =>
  ask<{ session: Shape.Session; command: string | null }>("POST", `/api/sessions/${id(session)}/actions/${action}`, {
    body: { reason },
  });
export const judgePreparation = (session: string, item: string, state: "ok" | "missing" | "waived") =>
  ask<Shape.Session>("PUT", `/api/sessions/${id(session)}/preparation/${id(item)}`, { body: { state } });

/* experts */
export const readExperts = () => ask<Shape.Expert[]>("GET", "/api/experts");
export const addExpert = (wish: Shape.ExpertWish) => ask<Shape.Expert>("POST", "/api/experts", { body: wish });
export const runDraw = (session: string, seats: Shape.Seat[]) =>
  ask<Shape.Draw>("POST", `/api/sessions/${id(session)}/draw`, { body: { seats } });
export const readDraw = (session: string) => ask<Shape.Draw | null>("GET", `/api/sessions/${id(session)}/draw`);

/* supervision */
export const readWallCameras = () => ask<Shape.WallCamera[]>("GET", "/api/wall/cameras");
export const startView = (camera: string, sdp: string) =>
  ask<{ view: string; sdp: string }>("POST", "/api/wall/views", { body: { camera, sdp } });
export const endView = (view: string) => ask<null>("POST", `/api/wall/views/${id(view)}/end`);
export const giveOrder = (session: string, kind: Shape.OrderKind, reason: string) =>
  ask<{ order: string }>("POST", `/api/sessions/${id(session)}/orders`, { body: { kind, reason } });
export const readOrder = (order: string) => ask<{ state: string }>("GET", `/api/orders/${id(order)}`);

/* archive, duties, audit, edges */
export const readPackages = () => ask<Shape.PackageRow[]>("GET", "/api/packages");
export const readPackage = (session: string) => ask<Shape.PackageRow>("GET", `/api/sessions/${id(session)}/package`);
export const readCompleteness = (session: string) =>
  ask<Shape.Completeness>("GET", `/api/sessions/${id(session)}/completeness`);
export const readDuties = () => ask<Shape.Duty[]>("GET", "/api/duties");
export const readAudit = (before?: number) =>
  ask<Shape.AuditRow[]>("GET", "/api/audit", { query: { before, limit: 200 } });
export const makeEnrolmentCode = (name: string) =>
  ask<Shape.EnrolmentCode>("POST", "/api/enrolment-codes", { body: { name } });
export const readEnrolments = () => ask<Shape.Enrolment[]>("GET", "/api/enrolments");
export const approveEnrolment = (enrolment: string, fingerprint: string) =>
  ask<Shape.Enrolment>("POST", `/api/enrolments/${id(enrolment)}/approve`, { body: { fingerprint } });
export const revokeEdge = (name: string) => ask<null>("POST", `/api/edges/${id(name)}/revoke`);

/* signs (public) */
export const readHall = () => ask<Shape.Hall>("GET", "/api/signs/hall");
export const readDoor = (room: string) => ask<Shape.Door>("GET", `/api/signs/doors/${id(room)}`);

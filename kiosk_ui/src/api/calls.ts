/** The centre's operations as functions (interfaces.md §8). Shapes are generated; a renamed path fails to compile. */
import { http, said } from "./client";
import type * as Shape from "./shapes";

export type * from "./shapes";

/* identity */
export const signIn = (name: string, password: string) => said(http.POST("/api/sign-in", { body: { name, password } }));
export const signOut = () => said(http.POST("/api/sign-out"));
export const readMe = () => said(http.GET("/api/me"));

/* sites */
export const readSites = () => said(http.GET("/api/sites"));
export const readRooms = () => said(http.GET("/api/rooms"));
export const readDevices = () => said(http.GET("/api/devices"));
export const readEdges = () => said(http.GET("/api/edges"));

/* bookings */
export const readBookings = (from: string, until: string) =>
  said(http.GET("/api/bookings", { params: { query: { from, until } } }));
export const checkBooking = (body: Shape.CheckWish) => said(http.POST("/api/bookings/check", { body }));
export const moveBooking = (booking: string, body: Shape.BookingMove) =>
  said(http.PATCH("/api/bookings/{booking}", { params: { path: { booking } }, body }));
export const cancelBooking = (booking: string, reason: string) =>
  said(http.POST("/api/bookings/{booking}/cancel", { params: { path: { booking } }, body: { reason } }));

/* sessions */
export const readToday = () => said(http.GET("/api/today"));
export const readSessions = (query: { from?: string; until?: string; state?: string } = {}) =>
  said(http.GET("/api/sessions", { params: { query } }));
export const createSession = (body: Shape.SessionWish) => said(http.POST("/api/sessions", { body }));
export const readSession = (session: string) =>
  said(http.GET("/api/sessions/{session}", { params: { path: { session } } }));
export const readSessionFacts = (session: string, after = 0) =>
  said(http.GET("/api/sessions/{session}/facts", { params: { path: { session }, query: { after } } }));
export const readSessionPeople = (session: string) =>
  said(http.GET("/api/sessions/{session}/people", { params: { path: { session } } }));
export const actOnSession = (session: string, action: Shape.SessionAction, reason = "") =>
  said(http.POST("/api/sessions/{session}/actions/{action}", { params: { path: { session, action } }, body: { reason } }));
export const judgePreparation = (session: string, item: string, state: "ok" | "missing" | "waived") =>
  said(http.PUT("/api/sessions/{session}/preparation/{item}", { params: { path: { session, item } }, body: { state } }));

/* experts */
export const readExperts = () => said(http.GET("/api/experts"));
export const addExpert = (body: Shape.ExpertWish) => said(http.POST("/api/experts", { body }));
export const holdDraw = (session: string, body: Shape.DrawWish) =>
  said(http.POST("/api/sessions/{session}/draw", { params: { path: { session } }, body }));
export const readDraw = (session: string) =>
  said(http.GET("/api/sessions/{session}/draw", { params: { path: { session } } }));

/* supervision */
export const readWallCameras = () => said(http.GET("/api/wall/cameras"));
export const startView = (camera: string, sdp: string) => said(http.POST("/api/wall/views", { body: { camera, sdp } }));
export const endView = (view: string) =>
  said(http.POST("/api/wall/views/{view_id}/end", { params: { path: { view_id: view } }, keepalive: true }));
export const giveOrder = (session: string, kind: Shape.OrderKind, reason: string) =>
  said(http.POST("/api/sessions/{session_id}/orders", { params: { path: { session_id: session } }, body: { kind, reason } }));
export const readOrder = (order: string) => said(http.GET("/api/orders/{order}", { params: { path: { order } } }));

/* archive */
export const readPackages = () => said(http.GET("/api/packages"));
export const readPackage = (session: string) =>
  said(http.GET("/api/sessions/{session}/package", { params: { path: { session } } }));
export const readCompleteness = (session: string) =>
  said(http.GET("/api/sessions/{session}/completeness", { params: { path: { session } } }));

/* duties, audit, edges */
export const readDuties = () => said(http.GET("/api/duties"));
export const readAudit = (before?: number) =>
  said(http.GET("/api/audit", { params: { query: before === undefined ? { limit: 200 } : { before, limit: 200 } } }));
export const makeEnrolmentCode = (name: string) => said(http.POST("/api/enrolment-codes", { body: { name } }));
export const readEnrolments = () => said(http.GET("/api/enrolments"));
export const approveEnrolment = (enrolment: string, fingerprint: string) =>
  said(http.POST("/api/enrolments/{enrolment_id}/approve", { params: { path: { enrolment_id: enrolment } }, body: { fingerprint } }));
export const revokeEdge = (name: string) => said(http.POST("/api/edges/{name}/revoke", { params: { path: { name } } }));

/** Every page of the office, the permission that opens it, and its picture in the navigation. */
export interface Place {
  name: string;
  path: string;
  permission: string;
  icon: string;
}

export const PLACES: readonly Place[] = [
  { name: "today", path: "/", permission: "sessions.read", icon: "M4 11 12 4l8 7v9h-5v-6H9v6H4z" },
  { name: "timeline", path: "/timeline", permission: "bookings.read", icon: "M4 6h16M4 12h16M4 18h16M7 4v4M15 10v4M10 16v4" },
  { name: "sessions", path: "/sessions", permission: "sessions.read", icon: "M5 4h14v16H5zM8 8h8M8 12h8M8 16h5" },
  { name: "experts", path: "/experts", permission: "experts.read", icon: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1-5 4-6 8-6s7 1 8 6z" },
  { name: "devices", path: "/devices", permission: "devices.read", icon: "M4 6h16v10H4zM9 20h6M12 16v4" },
  { name: "packages", path: "/packages", permission: "packages.read", icon: "M4 8h16v12H4zM4 8l2-4h12l2 4M10 12h4" },
  { name: "duties", path: "/duties", permission: "duties.read", icon: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l4 3" },
  { name: "edges", path: "/edges", permission: "edges.read", icon: "M5 4h14v6H5zM5 14h14v6H5zM8 7h.01M8 17h.01" },
  { name: "audit", path: "/audit", permission: "audit.read", icon: "M6 3h9l4 4v14H6zM9 12l2 2 4-4" },
];

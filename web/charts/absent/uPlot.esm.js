// Stands for uPlot where it was not there when the program was built: the dashboard shows tables instead of charts.
export default null;
